"""`fext reports`: what was found in datasets, and what changed between two reports."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fext_engine.cli.common import Common, command
from fext_engine.cli.tables import CsvFile, aligned, show_table
from fext_engine.cli.wording import figure, iso_moment, moment
from fext_engine.paths import escape_name, printable
from fext_engine.records import open_records

if TYPE_CHECKING:
    from fext_engine.images.comparison import Comparison

app = typer.Typer(invoke_without_command=True)

_SHOWN_ROWS = 12  # classes and measures that are named, those that changed most; CSV and JSON have all
_NAME = "A report's name, a unique beginning of it, or latest."
Report = Annotated[str, typer.Argument(metavar="NAME", help=_NAME)]


@app.callback()
@command
def show_all(common: Common, csv_file: CsvFile = None) -> None:
    """List the dataset reports, the newest first."""
    from fext_engine.records import reports  # NumPy, which other commands do without

    with open_records(common.workspace.database) as records:
        rows = [_plain(row) for row in reports.list_reports(records)]
    shown = [{**row, "created": moment(row["created"])} for row in rows]
    plain = [{**row, "created": iso_moment(row["created"])} for row in rows]
    show_table(common, plain, shown, csv_file, "no report yet; `fext analyze` makes one")


@app.command()
@command
def show(common: Common, report: Report, csv_file: CsvFile = None) -> None:
    """Show one report: its counts, its folder, and the distribution of every measure."""
    from fext_engine.records import reports  # NumPy, which other commands do without

    with open_records(common.workspace.database) as records:
        found = reports.find_report(records, report)
        statistics = [_without_id(row) for row in reports.report_statistics(records, found["id"])]
        drift = [_without_id(row) for row in reports.report_drift(records, found["id"])]
        classes = [_without_id(row) for row in reports.report_classes(records, found["id"])]
    folder = common.workspace.validation / found["name"]
    facts = {**_plain(found), "created": iso_moment(found["created_at"]), "folder": escape_name(str(folder))}
    if common.json:
        more = {"statistics": statistics, "drift": drift, "classes": classes}
        common.print_json({**facts, **more, "summary": reports.summary_of(found)})
        return
    verdicts = {row["measure"]: row["verdict"] for row in drift}
    if not csv_file:
        _print_facts(facts)
        print()
    shown = [
        {**{key: figure(value) for key, value in row.items()}, "drift": verdicts.get(row["measure"], "")}
        for row in statistics
    ]
    show_table(common, statistics, shown, csv_file, "no measure is recorded")


@app.command()
@command
def compare(
    common: Common,
    before: Annotated[
        str | None,
        typer.Argument(metavar="A", help=f"{_NAME} Without it, the one before B of the same folder."),
    ] = None,
    after: Annotated[str, typer.Argument(metavar="B", help=_NAME)] = "latest",
    csv_file: CsvFile = None,
) -> None:
    """Compare two reports: counts, issues, classes, and the measures that changed most."""
    from fext_engine.images.comparison import compare_reports  # SciPy's statistics take their time
    from fext_engine.records import reports  # NumPy, which other commands do without

    with open_records(common.workspace.database) as records:
        if before is None:
            before = reports.previous_report(records, reports.find_report(records, after))["name"]
        comparison = compare_reports(records, before, after)
    if common.json and not csv_file:
        common.print_json(asdict(comparison))
    elif csv_file:
        show_table(common, _all_rows(comparison), [], csv_file, "")
    else:
        _print_comparison(comparison)


def _print_comparison(found: Comparison) -> None:
    facts = {"A": f"{found.before}  {found.root_before}", "B": f"{found.after}  {found.root_after}"}
    _print_facts(facts)
    changed = [c for c in found.counts if c.before != c.after]
    counts = [
        {"what": f"{c.kind} {c.name.replace('_', ' ')}", "A": _or_blank(c.before), "B": _or_blank(c.after),
         "change": f"{c.difference:+.6g}"}
        for c in changed
    ]  # fmt: skip
    classes = sorted((c for c in found.classes if c.difference), key=lambda c: (-abs(c.difference), c.name))
    class_rows = [
        {"class": c.name or "(no folder)", "A": _or_blank(c.before), "B": _or_blank(c.after),
         "change": f"{c.difference:+.6g}"}
        for c in classes
    ]  # fmt: skip
    shifts = [
        {"measure": s.measure, "median A": figure(s.median_before), "median B": figure(s.median_after),
         "KS": f"{s.ks:.3f}", "Wasserstein": f"{s.wasserstein:.3f}", "verdict": s.verdict}
        for s in found.shifts
        if s.ks > 0
    ]  # fmt: skip
    _print_part("counts", counts, "the counts are equal", limit=len(counts))
    _print_part(
        f"classes (divergence {found.class_divergence:.3g} bits)",
        class_rows,
        "every class has as many images",
    )
    sizes = f"n = {found.shifts[0].n_before} and {found.shifts[0].n_after}" if found.shifts else ""
    _print_part(f"measures ({sizes})", shifts, "every measure has the same distribution")


def _print_part(title: str, rows: Sequence[dict[str, str]], none: str, limit: int = _SHOWN_ROWS) -> None:
    print(f"\n{title}")
    if not rows:
        print(f"  {none}")
        return
    for line in aligned(rows[:limit]):
        print(f"  {line}")
    if len(rows) > limit:
        print(f"  and {len(rows) - limit} more; --csv FILE writes all")


def _all_rows(found: Comparison) -> list[dict[str, Any]]:
    """One table of everything that was compared; distances are of measures alone."""
    counts = [
        {"kind": c.kind, "name": c.name, "before": c.before, "after": c.after,
         "n_before": None, "n_after": None, "ks": None, "wasserstein": None, "q_value": None, "verdict": None}
        for c in (*found.counts, *found.classes)
    ]  # fmt: skip
    shifts = [
        {"kind": "median", "name": s.measure, "before": s.median_before, "after": s.median_after,
         "n_before": s.n_before, "n_after": s.n_after, "ks": s.ks, "wasserstein": s.wasserstein,
         "q_value": s.q_value, "verdict": s.verdict}
        for s in found.shifts
    ]  # fmt: skip
    return [*counts, *shifts]


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    from fext_engine.records.reports import summary_of  # NumPy, which other commands do without

    summary = summary_of(row)
    return {
        "name": row["name"],
        "created": row["created_at"],
        "images": row["images"],
        "usable": row["usable"],
        "train": summary.get("train"),
        "validation": summary.get("validation"),
        "classes": summary.get("classes", {}).get("classes"),
        "drift": len(summary.get("drift", ())),
        "issues": sum(summary.get("issues", {}).values()),
        "root": row["root"],
    }


def _without_id(row: sqlite3.Row) -> dict[str, Any]:
    return {key: row[key] for key in row.keys() if key != "report_id"}  # noqa: SIM118 - a Row is no mapping


def _print_facts(facts: dict[str, Any]) -> None:
    width = max(map(len, facts))
    for key, value in facts.items():
        print(printable(f"{key.replace('_', ' '):<{width}}  {figure(value)}"))


def _or_blank(value: float | None) -> str:
    return "" if value is None else figure(value)
