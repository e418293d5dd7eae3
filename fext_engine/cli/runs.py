"""`fext runs`: what has been trained."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import typer

from fext_engine.cli.common import Common, command
from fext_engine.cli.tables import CsvFile, show_table
from fext_engine.cli.verbs import Run
from fext_engine.cli.wording import figure, moment
from fext_engine.paths import escape_name
from fext_engine.records import open_records
from fext_engine.records.runs import RunSummary, epochs_of, list_runs

app = typer.Typer(invoke_without_command=True)


@app.callback()
@command
def show_all(common: Common, csv_file: CsvFile = None) -> None:
    """List the runs, the one that changed last first."""
    with open_records(common.workspace.database) as records:
        runs = list_runs(records)
    show_table(
        common, [_plain(run) for run in runs], [_shown(run) for run in runs], csv_file,
        "no run yet; `fext train` makes one",
    )  # fmt: skip


@app.command()
@command
def show(common: Common, run: Run, csv_file: CsvFile = None) -> None:
    """Show one run: its figures, epoch by epoch, and its folder."""
    folder = common.workspace.find_run(run)
    with open_records(common.workspace.database) as records:
        known = next((r for r in list_runs(records) if r.name == folder.name), None)
        epochs = epochs_of(records, folder.name)
    summary = {**(_plain(known) if known else {"name": folder.name}), "folder": escape_name(str(folder))}
    if common.json:
        common.print_json({**summary, "history": epochs})
        return
    if not csv_file:
        width = max(map(len, summary))
        for key, value in summary.items():
            print(f"{key.replace('_', ' '):<{width}}  {figure(value) if value is not None else ''}")
        print()
    shown = [{key: "" if value is None else figure(value) for key, value in row.items()} for row in epochs]
    show_table(common, epochs, shown, csv_file, "no epoch is recorded yet")


def _plain(run: RunSummary) -> dict[str, Any]:
    row = asdict(run)
    del row["configuration"]
    for key in ("started_at", "updated_at"):
        row[key] = datetime.fromtimestamp(row[key]).astimezone().isoformat(timespec="seconds")
    return row


def _shown(run: RunSummary) -> dict[str, str]:
    return {
        "name": run.name,
        "model": run.model,
        "state": run.state,
        "epochs": f"{run.epochs_done} of {run.epochs_planned}",
        "best_val_loss": "" if run.best_val_loss is None else figure(run.best_val_loss),
        "started": moment(run.started_at),
    }
