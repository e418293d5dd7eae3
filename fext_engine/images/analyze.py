"""The job that inspects a dataset: scan, measure what is new, compare the splits, and write a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
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
from fext_engine.images.shares import Part, Pending, list_pending, take_parts
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
    was; where the database is found damaged and made anew all are. Where several processes do it, each
    measures a share, and the one that leads does the rest; the others return nothing. Raises FextError when
    the folder has no usable image, or the database cannot be written.
    """
    try:
        return _analyze(job)
    except DatabaseRebuilt as error:
        if job.ranks.count > 1:
            raise
        job.log(f"{error.what}: the images are measured again", "warning")
        return _analyze(job)


def _analyze(job: Job) -> dict[str, Any]:
    root = job.workspace.images_root(job.settings)
    pending, problems, excluded = job.ranks.by_leader(lambda: _prepare(job, root))
    if not job.ranks.leads:
        with job.shared(), closing(Part(job.folder, pending.root_id)) as part:
            _examine_share(job, root, pending, part.add)
        return {}
    with open_records(job.workspace.database) as records:
        _measure(job, records, root, pending)
        statuses = image_records.count_statuses(records, root)
        _tell_failures(job, records, root, statuses)
        _find_issues(job, records, root, pending.root_id)
        facts = count_facts(root, statuses, problems) | {"excluded": excluded}
        return _report(job, records, pending.root_id, facts)


def _prepare(job: Job, root: Path) -> tuple[Pending, list[str], int]:
    """Scan and split; returns what is to be measured, the folders that cannot be read, and how many are excluded."""
    with open_records(job.workspace.database) as records:
        if (known := image_records.find_root(records, root)) is not None:
            take_parts(job, records, known)
        problems = _scan(job, records, root)
        root_id = image_records.find_root(records, root)
        assert root_id is not None
        excluded = count_excluded(records, root)
        _split(job, records, root, root_id, excluded)
        return list_pending(records, root_id, job.folder), problems, excluded


def _split(job: Job, records: Records, root: Path, root_id: int, excluded: int) -> None:
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


def _measure(job: Job, records: Records, root: Path, pending: Pending) -> None:
    """Have every pending image examined, storing results as they come."""
    root_id, total = pending.root_id, pending.total
    try:
        with job.shared(), closing(_Store(records)) as store:
            _examine_share(job, root, pending, store.add)
    except JobStopped:
        take_parts(job, records, root_id)
        kept = total - image_records.count_pending(records, root_id)
        raise JobStopped(
            f"{kept} of {total} images were measured and are kept; analyze again to go on"
        ) from None
    finally:
        with suppress(OSError):
            pending.file.unlink(missing_ok=True)
    if job.ranks.count > 1:
        take_parts(job, records, root_id)
        if missing := image_records.count_pending(records, root_id):
            raise FextError(f"{missing} of {total} images were not measured", "analyze again: the others are kept")
        job.progress("measure", total, total)


def _examine_share(job: Job, root: Path, pending: Pending, add: Callable[[list[Examined]], None]) -> None:
    share, total, done = job.ranks.share(pending.total), pending.total, 0
    workers = worker_count(job.settings.device.num_workers, len(share))
    job.progress("measure", 0, total)
    answers = examine_all(root, pending.tasks(share), workers, lambda: job.stop_requested)
    try:
        for answer in answers:
            if any(found.status == "unreadable" for found in answer):
                require_folder(root)
            add(answer)
            done += len(answer)
            job.progress("measure", done, total)
    finally:
        answers.close()
    if done < len(share) and job.stop_requested:
        raise JobStopped("stopped; what was measured is kept", "analyze again to go on")


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


class _Store:
    """Results on their way to the database, in transactions of about STORE_EVERY seconds."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._waiting: list[Examined] = []
        self._stored_at = time.monotonic()

    def add(self, found: list[Examined]) -> None:
        self._waiting += found
        if time.monotonic() - self._stored_at > STORE_EVERY:
            self.close()

    def close(self) -> None:
        """Store what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            image_records.record_examined(self._records, waiting)
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
