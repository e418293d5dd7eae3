"""Scanning, measuring and judging a folder without the report, for tests that need only the records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fext_engine.images.examine import examine
from fext_engine.images.health import record_issues
from fext_engine.images.scan import scan
from fext_engine.images.split import assign_splits
from fext_engine.records import images as image_records
from fext_engine.records import open_records
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace


def find_issues(workspace: Workspace, folder: Path, **options: Any) -> None:
    """What `analyze` does before its report, in a fraction of the time."""
    settings = Settings().with_options({"dataset.images": str(folder), **options})
    with open_records(workspace.database) as records:
        for _ in image_records.record_scan(records, folder, scan(folder)):
            pass
        root_id = image_records.find_root(records, folder)
        codes = assign_splits(image_records.iterate_paths(records, root_id), settings.dataset)
        image_records.record_splits(records, root_id, codes)
        found = [examine(folder, task) for task in image_records.iterate_pending(records, root_id)]
        image_records.record_examined(records, found)
        record_issues(records, root_id, settings.health, lambda done, total: None)
