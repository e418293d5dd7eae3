"""`fext runs`: what has been trained, what differs between two runs, their names, notes and removal."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fext_engine.cli.common import Common, command, confirm
from fext_engine.cli.tables import CsvFile, aligned, show_table
from fext_engine.cli.verbs import Run
from fext_engine.cli.wording import figure, iso_moment, moment, size
from fext_engine.jobs.settle import settle
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.paths import escape_name, printable
from fext_engine.records import Records, open_records
from fext_engine.records.rebuild import take_in_copied_runs
from fext_engine.records.runs import RunSummary, epochs_of, list_runs

if TYPE_CHECKING:
    from fext_engine.training.comparison import Difference

app = typer.Typer(invoke_without_command=True)


@app.callback()
@command
def show_all(common: Common, csv_file: CsvFile = None) -> None:
    """List the runs, the one that changed last first."""
    with open_records(common.workspace.database) as records:
        take_in_copied_runs(records)
        _settle(common, records)
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
        _settle(common, records)
        known = next((r for r in list_runs(records) if r.name == folder.name), None)
        epochs = epochs_of(records, folder.name)
    summary = {**(_plain(known) if known else {"name": folder.name}), "folder": escape_name(str(folder))}
    if common.json:
        common.print_json({**summary, "history": epochs})
        return
    if not csv_file:
        width = max(map(len, summary))
        for key, value in summary.items():
            print(printable(f"{key.replace('_', ' '):<{width}}  {figure(value) if value is not None else ''}"))
        print()
    shown = [{key: "" if value is None else figure(value) for key, value in row.items()} for row in epochs]
    show_table(common, epochs, shown, csv_file, "no epoch is recorded yet")


@app.command()
@command
def compare(
    common: Common,
    a: Annotated[str, typer.Argument(metavar="A", help="A run, as RUN elsewhere.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another run.")],
    csv_file: CsvFile = None,
) -> None:
    """Compare two runs: the settings that differ, and what came of each."""
    from fext_engine.training.comparison import compare_runs

    found = compare_runs(common.workspace.find_run(a), common.workspace.find_run(b))
    if common.json and not csv_file:
        common.print_json(asdict(found))
        return
    if csv_file:
        rows = [
            {"kind": kind, "name": d.name, "a": d.a, "b": d.b, "change": d.change}
            for kind, differences in (("setting", found.settings), ("result", found.results))
            for d in differences
        ]
        show_table(common, rows, [], csv_file, "")
        return
    print(f"A  {escape_name(found.a)}\nB  {escape_name(found.b)}")
    _print_differences("settings", found.settings, "every setting is the same")
    _print_differences("results", found.results, "nothing came of either yet")
    if found.same_validation is False:
        print("\nThe two were validated on different images: their losses are not of the same thing.")


@app.command()
@command
def rename(
    common: Common, run: Run, name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")]
) -> None:
    """Give a run another name; its folder and everything recorded of it follow."""
    from fext_engine.maintenance.runs import rename_run

    _say(common, rename_run(common.workspace, common.workspace.find_run(run).name, name).name)


@app.command()
@command
def note(
    common: Common,
    run: Run,
    text: Annotated[str, typer.Argument(metavar="TEXT", help='The note; "" takes it away.')],
) -> None:
    """Keep a note on a run, in its folder and in the list."""
    from fext_engine.maintenance.runs import annotate_run

    folder = common.workspace.find_run(run)
    _say(common, folder.name, note=annotate_run(common.workspace, folder.name, text))


@app.command()
@command
def remove(
    common: Common, run: Run, *, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Remove a run: its folder with all checkpoints, and what is recorded of it."""
    from fext_engine.maintenance.removal import removable_run
    from fext_engine.maintenance.runs import remove_run

    item = removable_run(common.workspace, common.workspace.find_run(run))
    if not yes:
        confirm(f"remove {escape_name(str(item.path))} with {size(item.bytes)}?")
    freed = remove_run(common.workspace, item.path.name)
    if common.json:
        common.print_json({"removed": escape_name(str(item.path)), "bytes": freed})
    else:
        print(f"removed {item.name}, {size(freed)}")


def _settle(common: Common, records: Records) -> None:
    """Note first what killed jobs could not, where the database can be written."""
    with suppress(sqlite3.Error, OSError):
        settle(Supervisor(common.workspace), records)


def _say(common: Common, run: str, **facts: str) -> None:
    if common.json:
        folder = common.workspace.run(run)
        common.print_json({"name": escape_name(run), "folder": escape_name(str(folder)), **facts})
    else:
        print("  ".join((escape_name(run), *facts.values())))


def _print_differences(title: str, differences: Sequence[Difference], none: str) -> None:
    print(f"\n{title}")
    rows = [
        {
            "name": d.name,
            **{side: "" if value is None else figure(value) for side, value in (("A", d.a), ("B", d.b))},
            "change": "" if d.change is None else f"{d.change:+.4g}",
        }
        for d in differences
    ]
    for line in aligned(rows) if rows else [none]:
        print(f"  {line}")


def _plain(run: RunSummary) -> dict[str, Any]:
    row = asdict(run)
    del row["configuration"]
    for key in ("started_at", "updated_at"):
        row[key] = iso_moment(row[key])
    return row


def _shown(run: RunSummary) -> dict[str, str]:
    return {
        "name": run.name,
        "model": run.model,
        "state": run.state,
        "epochs": f"{run.epochs_done} of {run.epochs_planned}",
        "best_val_loss": "" if run.best_val_loss is None else figure(run.best_val_loss),
        "started": moment(run.started_at),
        "note": run.note,
    }
