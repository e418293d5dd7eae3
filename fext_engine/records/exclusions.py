"""Images that a person keeps out of split, statistics and training: decisions in the database, never files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.records.database import Records
from fext_engine.records.images import find_root


def exclude(records: Records, root: Path, paths: Iterable[str], reason: str = "") -> int:
    """Exclude images by their stored paths, all or none, and return how many were not excluded before.

    An image that is excluded already keeps its first reason. Raises FextError, and changes nothing, when a
    path is not among the records of `root`.
    """
    return _set(records, root, paths, 1, reason)


def include(records: Records, root: Path, paths: Iterable[str]) -> int:
    """Take excluded images back in, all or none, and return how many were excluded; raises as `exclude` does."""
    return _set(records, root, paths, 0, "")


def excluded_paths(records: Records, root: Path) -> Iterator[str]:
    """The stored paths of all excluded images of a root, sorted; also of files that are gone for now."""
    root_id = find_root(records, root)
    query = (
        "SELECT path FROM images WHERE root_id = ? AND excluded "
        "UNION SELECT path FROM forgotten_exclusions WHERE root_id = ? ORDER BY path"
    )
    return (row[0] for row in records.connection.execute(query, (root_id, root_id)))


def count_excluded(records: Records, root: Path) -> int:
    """How many of the recorded images of a root are excluded."""
    query = "SELECT count(*) FROM images WHERE root_id = ? AND excluded"
    return int(records.connection.execute(query, (find_root(records, root),)).fetchone()[0])


def _set(records: Records, root: Path, paths: Iterable[str], excluded: int, reason: str) -> int:
    root_id = find_root(records, root)
    changed = 0
    with records.connection as connection:
        for path in paths:
            row = connection.execute(
                "SELECT id, excluded FROM images WHERE root_id = ? AND path = ?", (root_id, path)
            ).fetchone()
            if row is None:
                raise FextError(
                    f"there is no image {path} among the records of this folder",
                    "analyze the folder first, and name images as `fext images` lists them",
                )
            if row["excluded"] != excluded:
                connection.execute(
                    "UPDATE images SET excluded = ?, excluded_reason = ? WHERE id = ?",
                    (excluded, reason, row["id"]),
                )
                changed += 1
    return changed
