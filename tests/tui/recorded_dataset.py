"""A workspace whose images are analyzed and have issues, for tests of the Data screen's tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hostile import encode, picture

from fext_engine.images.examine import examine
from fext_engine.images.scan import scan
from fext_engine.images.split import SPLIT_NAMES
from fext_engine.jobs.run import run_here
from fext_engine.records import Records, open_records
from fext_engine.records.health import Issue, replace_issues
from fext_engine.records.images import (
    find_root,
    iterate_paths,
    iterate_pending,
    record_examined,
    record_scan,
    record_splits,
)
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace

ODD_NAME = "odd/[red]x[b].png"


def make_recorded(workspace: Workspace, count: int = 12, *, report: bool = False) -> list[str]:
    """Measure `count` pictures in two classes, one with a hostile name and a broken one; return their stored paths.

    The first five are `dark`; the first four are two groups of an `exact_duplicate`. With `report`, a whole
    analysis leaves its report as well.
    """
    names = [f"{'ab'[i % 2]}/{i:03d}.png" for i in range(count)] + [ODD_NAME]
    for i, name in enumerate(names):
        path = workspace.images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture(i, 16 + i, 32), "PNG"))
    (workspace.images / "a" / "broken.jpg").write_bytes(b"")
    if report:
        run_here(workspace, "analyze", Settings().with_options({"device.num_workers": 0}), {})
    with open_records(workspace.database) as records:
        if not report:
            measure_here(records, workspace.images)
        plant_issues(records, workspace.images)
    return sorted([*names, "a/broken.jpg"])


def measure_here(records: Records, folder: Path) -> None:
    """Record and measure a folder in this process, every fourth image for validation."""
    for _ in record_scan(records, folder, scan(folder)):
        pass
    root = find_root(records, folder)
    total = sum(1 for _ in iterate_paths(records, root))
    codes = [SPLIT_NAMES.index("validation" if i % 4 == 0 else "train") for i in range(total)]
    record_splits(records, root, np.array(codes, np.uint8))
    record_examined(records, [examine(folder, task) for task in iterate_pending(records, root)])


def plant_issues(records: Records, folder: Path) -> None:
    """Issues of the first usable images by path."""
    root = find_root(records, folder)
    ids = [row[0] for row in records.connection.execute("SELECT id FROM images WHERE status = 'ok' ORDER BY path")]
    dark = [Issue(ids[i], "dark", root, 10 - i, i / 10, 5.0 * i, "mean", "low", None, "a dark\u202e one") for i in range(5)]
    copies = [
        Issue(ids[i], "exact_duplicate", root, 1 - i % 2, 0, None, "digest", "copy" if i % 2 else "keep", i // 2 + 1)
        for i in range(4)
    ]
    replace_issues(records, root, dark + copies)


def excluded(workspace: Workspace, root: Path | None = None) -> list[str]:
    """The stored paths of the excluded images."""
    from fext_engine.records.exclusions import excluded_paths

    with open_records(workspace.database) as records:
        return list(excluded_paths(records, root or workspace.images))
