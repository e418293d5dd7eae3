"""Choosing recorded images in sets, to exclude them or take them back: by issue, by filter, by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.records.database import Records
from fext_engine.records.filter import Filter
from fext_engine.records.health import check_issue
from fext_engine.records.images import LISTED, conditions, find_root


def choose_by_issue(records: Records, root: Path, issue: str) -> list[str]:
    """The images with an issue that are not excluded; of copies all but the one to keep in each group."""
    rows = records.connection.execute(
        "SELECT path FROM image_issues JOIN images ON id = image_id WHERE image_issues.root_id = ? AND issue = ? "
        "AND direction <> 'keep' AND NOT excluded ORDER BY path",
        (find_root(records, root), check_issue(issue)),
    )
    return [row["path"] for row in rows]


def choose_excluded(records: Records, root: Path, issue: str | None = None) -> list[str]:
    """The excluded images: all, or those that have the issue or were excluded for it."""
    where, values = "", []
    if issue is not None:
        where = "AND (excluded_reason = ? OR id IN (SELECT image_id FROM image_issues WHERE issue = ?))"
        values = [check_issue(issue), issue]
    rows = records.connection.execute(
        f"SELECT path FROM images WHERE root_id = ? AND excluded {where} ORDER BY path",
        (find_root(records, root), *values),
    )
    return [row["path"] for row in rows]


def choose_by_filter(records: Records, root: Path, filter: Filter, excluded: bool) -> list[str]:
    """The images that a filter chooses and that are, or are not, `excluded`."""
    where, values = conditions(records, root, None, None, filter)
    rows = records.connection.execute(
        f"SELECT path {LISTED} WHERE {where} AND excluded = ? ORDER BY path", (*values, int(excluded))
    )
    return [row["path"] for row in rows]


def choose_by_name(records: Records, root: Path, names: Sequence[str]) -> list[str]:
    """The stored paths that `names` mean: paths as lists show them, or files. Raises FextError for any other."""
    root_id = find_root(records, root)
    found = []
    for name in names:
        meant = (
            path
            for path in (name.encode(errors="replace").decode(), escape_name(name), _inside(root, name))
            if records.connection.execute(
                "SELECT 1 FROM images WHERE root_id = ? AND path = ?", (root_id, path)
            ).fetchone()
        )
        path = next(meant, None)
        if path is None:
            raise FextError(
                f"there is no image {escape_name(name)} among the records of {escape_name(str(root))}",
                "analyze the folder first, and name images as `fext images` lists them",
            )
        found.append(path)
    return found


def _inside(root: Path, name: str) -> str:
    """The stored path of a file below the root, or the escaped name itself."""
    file = Path(os.path.abspath(os.path.expanduser(name)))  # noqa: PTH100, PTH111 - links stay, `~x` may be a name
    for place in (Path(os.path.abspath(root)), root.resolve()):  # noqa: PTH100
        if file.is_relative_to(place):
            return escape_name(file.relative_to(place).as_posix())
    return escape_name(name)
