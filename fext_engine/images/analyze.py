"""The job that inspects a dataset: scan, measure what is new, compare the splits, and write a report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fext_engine.errors import FextError, JobStopped
from fext_engine.images.faults import FAILURES
from fext_engine.images.findings import Examined
from fext_engine.images.health import record_issues
from fext_engine.images.inspection import MIN_SIDE, inspect_dataset
from fext_engine.images.pool import examine_all, worker_count
from fext_engine.images.presence import require_folder
from fext_engine.images.report import count_facts, write_report
from fext_engine.images.scan import ScannedFile, scan
from fext_engine.images.split import assign_splits
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.records import DatabaseRebuilt, Records, open_records
from fext_engine.records import images as image_records
from fext_engine.records.exclusions import count_excluded
from fext_engine.records.health import issue_counts
from fext_engine.records.issue_names import ISSUES

STORE_EVERY = 0.5  # seconds of results that a crash may cost
LOGGED_FAILURES = 20


def analyze(job: Job) -> dict[str, Any]:
    """Inspect the images folder of the settings and return the report's summary.

    Files that are unchanged since an earlier analysis are not read again, so a stopped one goes on where it
    was; where the database is found damaged and made anew all are. Raises FextError when the folder has no
    usable image, or the database cannot be written.
    """
    root = job.workspace.images_root(job.settings)
    try:
        with open_records(job.workspace.database) as records:
            return _analyze(job, records, root)
    except DatabaseRebuilt as error:
        job.log(f"{error.what}: the images are measured again", "warning")
        with open_records(job.workspace.database) as records:
            return _analyze(job, records, root)


def _analyze(job: Job, records: Records, root: Path) -> dict[str, Any]:
    problems = _scan(job, records, root)
    root_id = image_records.find_root(records, root)
    assert root_id is not None
    excluded = count_excluded(records, root)
    codes = assign_splits(image_records.iterate_paths(records, root_id), job.settings.dataset)
    if not len(codes) and excluded:
        raise FextError(
            f"all {excluded} images in {escape_name(str(root))} are excluded",
            "take some back in: `fext images include --all`",
        )
    if not len(codes):
        raise FextError(
            f"there is no image in {escape_name(str(root))}",
            "put JPEG, PNG or other images there, name another folder with dataset.images, "
            "or generate a sample dataset",
        )
    image_records.record_splits(records, root_id, codes)
    _measure(job, records, root, root_id)
    statuses = image_records.count_statuses(records, root)
    _tell_failures(job, records, root, statuses)
    _find_issues(job, records, root, root_id)
    facts = count_facts(root, statuses, problems) | {"excluded": excluded}
    return _report(job, records, root_id, facts)


def _scan(job: Job, records: Records, root: Path) -> list[str]:
    """Bring the records up to the folder; returns the escaped names of folders that cannot be read."""
    problems: list[str] = []

    def report(path: str, reason: str) -> None:
        problems.append(path)
        job.log(f"the folder {path} cannot be read: {reason}", "warning")

    files: Iterator[ScannedFile] = scan(root, report)
    for count in image_records.record_scan(records, root, files):
        job.progress("scan", count, None, "files")
        if job.stop_requested:
            raise JobStopped(
                f"stopped while the folder was listed ({count} files seen); analyze again to go on"
            )
    return problems


def _measure(job: Job, records: Records, root: Path, root_id: int) -> None:
    """Examine every pending image, storing results as they come."""
    total = image_records.count_pending(records, root_id)
    workers = worker_count(job.settings.device.num_workers, total)
    tasks = image_records.iterate_pending(records, root_id)
    job.progress("measure", 0, total)
    store = _Store(records)
    answers = examine_all(root, tasks, workers, lambda: job.stop_requested)
    try:
        for answer in answers:
            if any(found.status == "unreadable" for found in answer):
                require_folder(root)
            store.add(answer)
            job.progress("measure", store.count, total)
    finally:
        answers.close()
        store.flush()
    if store.count < total and job.stop_requested:
        raise JobStopped(
            f"{store.count} of {total} images were measured and are kept; analyze again to go on"
        )


def _find_issues(job: Job, records: Records, root: Path, root_id: int) -> None:
    """Search the measures of all images for issues, and tell how many there are."""

    def progress(done: int, total: int) -> None:
        job.progress("health", done, total)
        if job.stop_requested:
            raise JobStopped("all images are measured; analyze again for issues and report")

    record_issues(records, root_id, job.settings.health, progress)
    for issue, count in issue_counts(records, root):
        job.log(f"{issue.replace('_', ' ')}: {count} image{'s' if count > 1 else ''} ({ISSUES[issue]})")
    if excluded := count_excluded(records, root):
        job.log(f"{excluded} excluded images were left out")


def _report(job: Job, records: Records, root_id: int, facts: dict[str, Any]) -> dict[str, Any]:
    job.progress("report", 0, 2, "steps")
    inspection = inspect_dataset(records, root_id, job.settings.dataset.split_seed)
    if not inspection.drifts:
        job.log(f"training and validation are not compared: a side has fewer than {MIN_SIDE} images")
    job.progress("report", 1, 2, "steps")
    summary = write_report(job, records, root_id, inspection, facts)
    job.progress("report", 2, 2, "steps")
    return summary


@dataclass
class _Store:
    """Results on their way to the database, in transactions of about STORE_EVERY seconds."""

    records: Records
    count: int = 0

    def __post_init__(self) -> None:
        self._waiting: list[Examined] = []
        self._stored_at = time.monotonic()

    def add(self, found: list[Examined]) -> None:
        self._waiting += found
        self.count += len(found)
        if time.monotonic() - self._stored_at > STORE_EVERY:
            self.flush()

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            image_records.record_examined(self.records, waiting)
        self._stored_at = time.monotonic()


def _tell_failures(job: Job, records: Records, root: Path, statuses: dict[str, int]) -> None:
    broken = sum(statuses.get(kind, 0) for kind in FAILURES)
    rows = image_records.list_images(records, root, 0, LOGGED_FAILURES, status="broken")
    for row in rows:
        job.log(f"{row['path']}: {row['status']}: {row['reason']}", "warning")
    if broken > len(rows):
        job.log(
            f"{broken - len(rows)} more images cannot be used; the report's images.csv lists all", "warning"
        )
    if not statuses.get("ok"):
        kinds = ", ".join(f"{count} {kind}" for kind, count in statuses.items())
        raise FextError(
            f"none of the images in {escape_name(str(root))} can be used ({kinds})",
            "the log names each reason; put images there that other programs can open",
        )
