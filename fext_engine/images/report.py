"""A dataset report on disk and in the database: figures, tables as CSV, a summary as JSON, a page to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fext_engine.images.faults import FAILURES
from fext_engine.images.inspection import Inspection
from fext_engine.images.report_page import WORST, render_page
from fext_engine.images.report_tables import write_tables
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.records import Records, report_details, reports
from fext_engine.sections import DatasetSettings
from fext_engine.workspace import atomic_folder, timestamp

PAGE = "report.html"


def write_report(
    job: Job, records: Records, root_id: int, inspection: Inspection, facts: dict[str, Any]
) -> dict[str, Any]:
    """Write a report to `database/validation/analysis_<time>` and return its summary.

    `facts` are what the summary says beside the inspection: root, statuses, folders that were not read.
    """
    from fext_engine.images.figures import draw_report  # matplotlib takes a while to import

    first = job.workspace.validation / f"analysis_{timestamp()}"
    while True:
        folder = _free_name(first)
        named = {"report": folder.name, "folder": escape_name(str(folder))}
        summary = named | facts | _summarise(inspection, job.settings.dataset)
        try:
            with atomic_folder(folder) as temporary:
                figures = draw_report(temporary, inspection)
                write_tables(temporary, records, root_id, inspection)
                (temporary / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
                failures = report_details.iterate_failures(records, root_id)
                worst = report_details.worst_issues(records, root_id, WORST)
                page = render_page(summary, inspection, figures, failures, worst)
                (temporary / PAGE).write_text(page, encoding="utf-8")
            break
        except OSError:
            if not folder.exists():  # else another analysis took the name meanwhile
                raise
    reports.record_report(records, folder.name, summary, inspection)
    for figure in figures:
        job.artifact(folder / figure.path.name, "figure")
    job.artifact(folder / PAGE, "page")
    job.artifact(folder, "report")
    return summary


def count_facts(root: Path, statuses: dict[str, int], unread_folders: Sequence[str]) -> dict[str, Any]:
    """The part of a summary that counts files, usable or not."""
    return {
        "root": escape_name(str(root.resolve())),  # as the records of its images name it
        "images": sum(statuses.values()),
        "usable": statuses.get("ok", 0),
        "broken": sum(statuses.get(kind, 0) for kind in FAILURES),
        "statuses": statuses,
        "unread_folders": list(unread_folders),
    }


def _summarise(inspection: Inspection, dataset: DatasetSettings) -> dict[str, Any]:
    balance = asdict(inspection.balance)
    return {
        "train": sum(c.train for c in inspection.classes),
        "validation": sum(c.validation for c in inspection.classes),
        "split": dataset.model_dump(
            include={"sample_size", "train_sample_size", "validation_size", "split_seed"}
        ),
        "size_median": [int(x) for x in np.median(inspection.table.sizes[:, :2], axis=0)],
        "classes": {
            key: list(value) if isinstance(value, tuple) else value for key, value in balance.items()
        },
        "drift": [d.measure for d in inspection.drifts if d.verdict == "drift"],
        "issues": dict(inspection.issues),
    }


def _free_name(path: Path) -> Path:
    """`path`, or with a number behind it when two reports are made within a second."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
