"""What is known of the images folder, read in worker threads for the Data screen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.records.times import local_time
from fext_tui.dataset_tables import (
    NO_CLASSES,
    NO_DRIFT,
    NO_STATISTICS,
    ReportEntry,
    class_table,
    drift_table,
    report_entries,
    statistics_table,
)
from fext_tui.issues import IssueEntry, read_issues
from fext_tui.listing import PictureList, count_files, list_images
from fext_tui.recorded import Listing, RecordedImages, open_listing
from fext_tui.tables import TableRows

if TYPE_CHECKING:
    from fext_engine.records import Records
    from fext_engine.settings import Settings
    from fext_engine.workspace import Workspace

INVITATION = """There are no images here yet.

Put JPEG or PNG files into

    {folder}

Sub-folders are classes. Or open another folder, or let FeXT make a small
sample dataset in classes, with some planted faults, to see everything work.
"""


@dataclass(frozen=True)
class DatasetView:
    """All that the Data screen shows of one folder; tables are sources of row lists."""

    root: Path
    summary: str
    invitation: str
    images: PictureList | RecordedImages
    root_id: int | None = None
    """Its number in the records, None before the first analysis."""
    report_id: int | None = None
    statistics: TableRows = NO_STATISTICS
    drift: TableRows = NO_DRIFT
    classes: TableRows = NO_CLASSES
    reports: Sequence[ReportEntry] = ()
    report: str | None = None
    """The name of the report that is shown."""
    issues: Sequence[IssueEntry] = ()
    scanned: bool = False
    """Whether the folder itself was read, not the records alone."""


def read_dataset(
    workspace: Workspace, settings: Settings, analyze_key: str, cancelled: Callable[[], bool],
    report: str | None = None,
) -> Iterator[DatasetView]:
    """Yield what the records hold, at once, then the same with what lies in the folder by now.

    `analyze_key` is the key that analyzes, for the words; `report` names the report to show, else the newest.
    Never raises for what a folder or a file may hold.
    """
    root = workspace.images_root(settings)
    recorded, problem = None, ""
    not_analyzed = f"Press {analyze_key} to analyze the dataset."
    try:
        recorded = _with_records(workspace, root, report, not_analyzed, cancelled)
    except (FextError, sqlite3.Error) as error:
        problem = f" · {error}"
    if recorded is not None:
        yield recorded
    listed = PictureList(root, ())
    try:
        if recorded is None:
            listed = list_images(root, cancelled)
        found = listed.count() if recorded is None else count_files(root, cancelled)
    except FextError as error:
        yield DatasetView(root, "", f"{error.what}\n\n{error.do}", listed, scanned=True)
        return
    if cancelled():
        return
    if not found:
        words = INVITATION.format(folder=escape_name(str(root)))
        yield DatasetView(root, problem.removeprefix(" · "), words, listed, scanned=True)
    elif recorded is None:
        hint = problem or f", not analyzed yet. {not_analyzed}"
        yield DatasetView(root, f"{found:,} images found{hint}", "", listed, scanned=True)
    else:
        changed = "" if found == recorded.images.count() else f" · {found:,} files by now. {not_analyzed}"
        yield replace(recorded, summary=recorded.summary + changed, scanned=True)


def _with_records(
    workspace: Workspace, root: Path, report_name: str | None, not_analyzed: str, cancelled: Callable[[], bool]
) -> DatasetView | None:
    from fext_engine.records import with_records
    from fext_engine.records.images import count_statuses, find_root
    from fext_engine.records.reports import list_reports

    def read(records: Records) -> DatasetView | None:
        root_id = find_root(records, root)
        statuses = count_statuses(records, root)
        if root_id is None or not statuses:
            return None
        images = open_listing(workspace.database, root, Listing(), cancelled)
        shown = escape_name(str(root.resolve()))
        reports = list_reports(records)
        of_folder = (row for row in reports if row["root"] == shown)
        report = next((row for row in of_folder if report_name in (None, row["name"])), None)
        view = DatasetView(
            root, _summary(statuses, report, not_analyzed), "", images, root_id,
            reports=report_entries(reports),
            issues=read_issues(records, root, statuses),
        )  # fmt: skip
        return view if report is None else _with_report(view, records, report)

    return with_records(workspace.database, read)


def _with_report(view: DatasetView, records: Records, report: sqlite3.Row) -> DatasetView:
    from fext_engine.records.reports import report_classes, report_drift, report_statistics

    report_id = report["id"]
    return replace(
        view,
        report=report["name"],
        report_id=report_id,
        statistics=statistics_table(report_statistics(records, report_id)),
        drift=drift_table(report_drift(records, report_id)),
        classes=class_table(report_classes(records, report_id)),
    )


def _summary(statuses: dict[str, int], report: sqlite3.Row | None, not_analyzed: str) -> str:
    parts = [f"{sum(statuses.values()):,} images found"]
    parts += [f"{count:,} {status.replace('_', ' ')}" for status, count in statuses.items()]
    if report is None:
        parts.append(f"not analyzed to the end. {not_analyzed}")
    else:
        from fext_engine.records.reports import summary_of

        summary = summary_of(report)
        when = local_time(report["created_at"])
        parts.append(f"report {report['name']} of {when:%Y-%m-%d %H:%M}")
        drifting = summary.get("drifting")
        if drifting:
            parts.append(f"{len(drifting)} measures drift")
    return " · ".join(parts)
