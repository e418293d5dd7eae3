"""Two dataset reports compared, as rows for the Reports table; read in a worker thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.text import format_figure

if TYPE_CHECKING:
    from fext_engine.images.comparison import Change, Comparison

CHANGES = (
    Column("what changed", None), Column("before", 10, "right"), Column("after", 10, "right"),
    Column("change", 10, "right"), Column("KS", 6, "right"), Column("verdict", 7),
)  # fmt: skip
NO_CHANGES = TableRows(CHANGES)


def read_changes(database: Path, before: str, after: str) -> TableRows:
    """Compare two reports by name: counts and classes that changed, and measures, the most changed first.

    Raises FextError for a report that is unknown or too old to be compared.
    """
    from fext_engine.images.comparison import compare_reports
    from fext_engine.records import open_records

    with open_records(database) as records:
        return TableRows(CHANGES, list(_rows(compare_reports(records, before, after))))


def _rows(found: Comparison) -> Iterator[tuple[str, ...]]:
    for change in found.counts:
        if change.before != change.after:
            yield _change_row(f"{change.kind} {change.name}".replace("_", " "), change)
    for shift in found.shifts:
        if shift.ks > 0:
            difference = shift.median_after - shift.median_before
            yield (
                f"{shift.measure}, median", format_figure(shift.median_before), format_figure(shift.median_after),
                _signed(difference), f"{shift.ks:.2f}", shift.verdict,
            )  # fmt: skip
    for change in sorted(found.classes, key=lambda c: -abs(c.difference)):
        if change.difference:
            yield _change_row(f"class {change.name or '(no class)'}", change)


def _change_row(name: str, change: Change) -> tuple[str, ...]:
    values = ("" if value is None else format_figure(value) for value in (change.before, change.after))
    return (name, *values, _signed(change.difference), "", "")


def _signed(difference: float) -> str:
    return f"{'+' if difference > 0 else ''}{format_figure(difference)}"
