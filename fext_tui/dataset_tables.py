"""The small tables of the Data screen: rows of a report's statistics, drift and classes, and of all reports."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fext_engine.records.times import local_time
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.text import format_figure

STATISTICS = (
    Column("measure", 21), Column("median", 9, "right"), Column("mean", 9, "right"), Column("p5", 9, "right"),
    Column("p95", 9, "right"), Column("unit", 6),
)  # fmt: skip
DRIFT = (
    Column("measure", None), Column("verdict", 7), Column("KS", 7, "right"), Column("Wasserst.", 9, "right"),
    Column("PSI", 7, "right"), Column("q", 7, "right"), Column("n", 13, "right"),
)  # fmt: skip
BAR = 16
CLASSES = (
    Column("class", None), Column("images", 8, "right"), Column("share", BAR), Column("%", 5, "right"),
    Column("train", 8, "right"), Column("valid.", 8, "right"), Column("unused", 8, "right"),
    Column("broken", 8, "right"),
)  # fmt: skip
REPORTS = (
    Column("", 1), Column("made", 16), Column("images", 9, "right"), Column("report", None), Column("folder", None),
)  # fmt: skip
NO_STATISTICS, NO_DRIFT = TableRows(STATISTICS), TableRows(DRIFT)
NO_CLASSES = TableRows(CLASSES)
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def statistics_table(rows: Iterable[sqlite3.Row]) -> TableRows:
    """Summaries of the measures, a row each."""
    return TableRows(STATISTICS, [_statistics_row(row) for row in rows])


def drift_table(rows: Iterable[sqlite3.Row]) -> TableRows:
    """Training against validation images, a row a measure."""
    return TableRows(DRIFT, [_drift_row(row) for row in rows])


def class_table(rows: Sequence[sqlite3.Row]) -> TableRows:
    """The classes, each with a bar of its images against those of the largest class."""
    images = [row["train"] + row["validation"] + row["unused"] + row["broken"] for row in rows]
    largest, total = max(images, default=0), sum(images)
    return TableRows(
        CLASSES,
        [
            (
                row["class"] or "(no class)", f"{n:,}", share_bar(n / largest if largest else 0, BAR),
                f"{100 * n / total:.1f}" if total else "",
                *(f"{row[name]:,}" for name in ("train", "validation", "unused", "broken")),
            )
            for row, n in zip(rows, images, strict=True)
        ],
    )  # fmt: skip


@dataclass(frozen=True)
class ReportEntry:
    """A report as the list of reports shows it."""

    name: str
    root: str
    made: datetime
    images: int


def report_entries(rows: Iterable[sqlite3.Row]) -> list[ReportEntry]:
    """The reports of the records."""
    return [
        ReportEntry(row["name"], row["root"], local_time(row["created_at"]), row["images"])
        for row in rows
    ]


def report_table(reports: Sequence[ReportEntry], shown: str | None, folder: Path) -> TableRows:
    """Reports of any folder of images, which lie in `folder`; the one that is `shown` is marked."""
    rows = [
        ("●" if r.name == shown else "", f"{r.made:%Y-%m-%d %H:%M}", f"{r.images:,}", r.name, r.root)
        for r in reports
    ]
    return TableRows(REPORTS, rows, [str(folder / r.name) for r in reports])


def share_bar(share: float, cells: int) -> str:
    """Return a bar of `share` (0 to 1) of `cells` cells, to an eighth; more than nothing is never empty."""
    eighths = min(cells * 8, max(round(share * cells * 8), 1 if share > 0 else 0))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def _statistics_row(row: sqlite3.Row) -> tuple[str, ...]:
    from fext_engine.images.measures import MEASURES_BY_NAME

    measure = MEASURES_BY_NAME.get(row["measure"])
    figures = (format_figure(row[name]) for name in ("median", "mean", "p5", "p95"))
    return (row["measure"], *figures, measure.unit if measure else "")


def _drift_row(row: sqlite3.Row) -> tuple[str, ...]:
    figures = (f"{row[name]:.3f}" for name in ("ks", "wasserstein", "psi", "q_value"))
    return (row["measure"], row["verdict"], *figures, f"{row['n_train']}+{row['n_validation']}")
