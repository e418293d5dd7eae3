"""What is known of the images folder, read in worker threads and made into rows for the Data screen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.listing import PictureList, list_images
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.text import format_figure

if TYPE_CHECKING:
    import numpy as np

    from fext_engine.records import Records
    from fext_engine.settings import Settings
    from fext_engine.workspace import Workspace
    from fext_tui.widgets.row_list import RowSource

BINS = 40
INVITATION = """There are no images here yet.

Put JPEG or PNG files into

    {folder}

Sub-folders are classes. Or open another folder, or let FeXT make a small
sample dataset in classes, with some planted faults, to see everything work.
"""
NOT_ANALYZED = "Press a to analyze the dataset."
STATISTICS = (
    Column("measure", None), Column("median", 9, "right"), Column("mean", 9, "right"), Column("p5", 9, "right"),
    Column("p95", 9, "right"), Column("unit", 6),
)  # fmt: skip
DRIFT = (
    Column("measure", None), Column("verdict", 7), Column("KS", 7, "right"), Column("Wasserst.", 9, "right"),
    Column("PSI", 7, "right"), Column("q", 7, "right"), Column("n", 13, "right"),
)  # fmt: skip
CLASSES = (
    Column("class", None), Column("train", 8, "right"), Column("valid.", 8, "right"), Column("unused", 8, "right"),
    Column("broken", 8, "right"),
)  # fmt: skip
NO_STATISTICS, NO_DRIFT, NO_CLASSES = TableRows(STATISTICS), TableRows(DRIFT), TableRows(CLASSES)
NO_PROBLEMS = TableRows((Column("image", None),))


@dataclass(frozen=True)
class MeasureHistogram:
    """Counts (BINS,) of a measure between `edges` (BINS + 1,)."""

    title: str
    counts: np.ndarray[Any, Any]
    edges: np.ndarray[Any, Any]


class ImageRows:
    """The recorded images of a folder, a window at a time; opened in the thread that first asks for rows."""

    def __init__(self, database: Path, root: Path, broken: bool) -> None:
        self._database = database
        self._root = root
        self._status = "broken" if broken else None
        third = Column("reason", None) if broken else Column("size", 11, "right")
        self.columns: Sequence[Column] = (Column("image"), Column("status", 10), third)
        self._broken = broken

    @cached_property
    def _records(self) -> Records:
        from fext_engine.records import open_records

        return open_records(self._database)

    def count(self) -> int:
        from fext_engine.records.images import count_images

        return count_images(self._records, self._root, self._status)

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        from fext_engine.records.images import list_images as list_recorded

        found = list_recorded(self._records, self._root, offset, limit, status=self._status)
        return [(row["path"], row["status"], row["reason"] if self._broken else _size(row)) for row in found]


@dataclass(frozen=True)
class DatasetView:
    """All that the Data screen shows of one folder; tables are sources of row lists."""

    root: Path
    summary: str
    invitation: str
    images: RowSource
    statistics: TableRows = NO_STATISTICS
    drift: TableRows = NO_DRIFT
    classes: TableRows = NO_CLASSES
    problems: RowSource = NO_PROBLEMS
    histograms: Sequence[MeasureHistogram] = field(default=())


def read_dataset(workspace: Workspace, settings: Settings, cancelled: Callable[[], bool]) -> DatasetView:
    """List the folder and read its records and newest report; never raises for what a folder or file may hold."""
    root = workspace.images_root(settings)
    try:
        listed = list_images(root, cancelled)
        if not listed.count():
            return DatasetView(root, "", INVITATION.format(folder=escape_name(str(root))), listed)
    except FextError as error:
        nothing = PictureList(root, ())
        return DatasetView(root, "", f"{error.what}\n\n{error.do}", nothing)
    try:
        return _with_records(workspace, root, listed)
    except (FextError, sqlite3.Error) as error:
        return DatasetView(root, f"{listed.count():,} images found · {error}", "", listed)


def _with_records(workspace: Workspace, root: Path, listed: PictureList) -> DatasetView:
    from fext_engine.records import open_records
    from fext_engine.records.images import count_statuses, find_root
    from fext_engine.records.reports import (
        list_reports,
        read_table,
        report_classes,
        report_drift,
        report_statistics,
    )

    found = f"{listed.count():,} images found"
    with open_records(workspace.database) as records:
        root_id = find_root(records, root)
        if root_id is None:
            return DatasetView(root, f"{found}, not analyzed yet. {NOT_ANALYZED}", "", listed)
        statuses = count_statuses(records, root)
        shown = escape_name(str(root.resolve()))
        report = next((r for r in list_reports(records) if r["root"] == shown), None)
        tables: dict[str, Any] = {}
        if report is not None:
            tables = {
                "statistics": TableRows(
                    STATISTICS, [_statistics_row(r) for r in report_statistics(records, report["id"])]
                ),
                "drift": TableRows(DRIFT, [_drift_row(r) for r in report_drift(records, report["id"])]),
                "classes": TableRows(CLASSES, [_class_row(r) for r in report_classes(records, report["id"])]),
                "histograms": _histograms(read_table(records, root_id).values),
            }
    return DatasetView(
        root,
        _summary(listed.count(), statuses, report),
        "",
        ImageRows(workspace.database, root, broken=False),
        problems=ImageRows(workspace.database, root, broken=True),
        **tables,
    )


def _summary(found: int, statuses: dict[str, int], report: sqlite3.Row | None) -> str:
    recorded = sum(statuses.values())
    parts = [f"{found:,} images found"]
    parts += [f"{count:,} {status.replace('_', ' ')}" for status, count in statuses.items()]
    if report is None:
        parts.append(f"not analyzed to the end. {NOT_ANALYZED}")
    else:
        summary = json.loads(report["summary"])
        when = datetime.fromtimestamp(report["created_at"])
        parts.append(f"report {report['name']} of {when:%Y-%m-%d %H:%M}")
        drifting = summary.get("drifting")
        if drifting:
            parts.append(f"{len(drifting)} measures drift")
    if found != recorded:
        parts.append(f"the folder changed since. {NOT_ANALYZED}")
    return " · ".join(parts)


def _histograms(values: np.ndarray[Any, Any]) -> list[MeasureHistogram]:
    """One histogram a measure, over all its values."""
    import numpy as np

    from fext_engine.images.measures import MEASURES

    made = []
    for index, measure in enumerate(MEASURES):
        counts, edges = np.histogram(values[:, index], BINS)
        unit = f" ({measure.unit})" if measure.unit else ""
        made.append(MeasureHistogram(f"{measure.name}{unit}: {measure.help}", counts, edges))
    return made


def _statistics_row(row: sqlite3.Row) -> tuple[str, ...]:
    from fext_engine.images.measures import MEASURES

    unit = next((measure.unit for measure in MEASURES if measure.name == row["measure"]), "")
    return (row["measure"], *(format_figure(row[name]) for name in ("median", "mean", "p5", "p95")), unit)


def _drift_row(row: sqlite3.Row) -> tuple[str, ...]:
    figures = (f"{row[name]:.3f}" for name in ("ks", "wasserstein", "psi", "q_value"))
    return (row["measure"], row["verdict"], *figures, f"{row['n_train']}+{row['n_validation']}")


def _class_row(row: sqlite3.Row) -> tuple[str, ...]:
    counts = (f"{row[name]:,}" for name in ("train", "validation", "unused", "broken"))
    return (row["class"] or "(no class)", *counts)


def _size(row: sqlite3.Row) -> str:
    return f"{row['width']} x {row['height']}" if row["width"] else ""
