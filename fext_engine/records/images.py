"""Records of images: what a scan saw, what an examination found, and windows of the list for the screen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fext_engine.errors import FextError
from fext_engine.images.findings import Examined, Task
from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.images.scan import ScannedFile
from fext_engine.images.split import SPLIT_NAMES
from fext_engine.paths import escape_name
from fext_engine.records.database import Records

if TYPE_CHECKING:
    from fext_engine.records.filter import Filter

CHUNK = 1000

LIST_COLUMNS = (
    "path", "class", "split", "status", "reason", "excluded", "excluded_reason", "bytes", "width", "height",
    "format", "mode", "bit_depth", "orientation", "frames", "alpha_share", "notes", "digest", *MEASURE_NAMES,
)  # fmt: skip
"""What `list_images` returns and can sort by."""

LISTED = "FROM images LEFT JOIN image_statistics ON image_id = id AND status = 'ok'"
"""The tables of LIST_COLUMNS."""

_KEEP = "bytes = excluded.bytes AND mtime_ns = excluded.mtime_ns AND status <> 'unreadable'"
_RECORD_FILE = f"""
INSERT INTO images (root_id, path, class, bytes, mtime_ns, scan) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (root_id, path) DO UPDATE SET
    scan = max(scan, excluded.scan), class = excluded.class,
    status = CASE WHEN {_KEEP} THEN status ELSE 'pending' END,
    reason = CASE WHEN {_KEEP} THEN reason ELSE '' END,
    bytes = excluded.bytes, mtime_ns = excluded.mtime_ns
"""
_FOUND = ("status", "reason", "digest", "format", "mode", "bit_depth", "width", "height", "orientation", "frames",
          "alpha_share", "notes")  # fmt: skip
_RECORD_FOUND = f"UPDATE images SET {', '.join(f'{name} = ?' for name in _FOUND)} WHERE id = ?"
_RECORD_MEASURES = (
    f"INSERT OR REPLACE INTO image_statistics (image_id, {', '.join(MEASURE_NAMES)}, perceptual_hash) "
    f"VALUES ({', '.join('?' * (len(MEASURE_NAMES) + 2))})"
)


def find_root(records: Records, root: Path) -> int | None:
    """Return the id of a scanned folder, or None when it was never scanned."""
    row = records.connection.execute("SELECT id FROM image_roots WHERE path = ?", (_shown(root),)).fetchone()
    return int(row["id"]) if row else None


def record_scan(records: Records, root: Path, files: Iterable[ScannedFile]) -> Iterator[int]:
    """Record the files of a scan, yielding how many so far after each chunk, which is a transaction.

    New files and files whose size or time changed become `pending`, as do unreadable ones, whose
    permissions may have changed. Files that are gone are forgotten at the end, thus not by a scan that is
    broken off. Raises FextError, and forgets nothing, when there is no file where some were recorded.
    """
    shown = _shown(root)
    with records.connection as connection:
        connection.execute(
            "INSERT INTO image_roots (path, scans) VALUES (?, 1) "
            "ON CONFLICT (path) DO UPDATE SET scans = scans + 1",
            (shown,),
        )
    root_id, scan = connection.execute(
        "SELECT id, scans FROM image_roots WHERE path = ?", (shown,)
    ).fetchone()
    count = 0
    for chunk in _chunks(files):
        rows = ((root_id, f.path, f.class_name, f.size, f.mtime_ns, scan) for f in chunk)
        with connection:
            connection.executemany(_RECORD_FILE, rows)
        count += len(chunk)
        yield count
    if not count:
        _require_none(connection, root_id, shown)
    with connection:
        connection.execute("DELETE FROM images WHERE root_id = ? AND scan < ?", (root_id, scan))


def _require_none(connection: sqlite3.Connection, root_id: int, shown: str) -> None:
    """Raise FextError when there are records of images in a folder where none was found: it may be a disk's place."""
    known = connection.execute("SELECT count(*) FROM images WHERE root_id = ?", (root_id,)).fetchone()[0]
    if known:
        raise FextError(
            f"there is no image in {shown}, where {known:,} were when it was last looked at",
            "if it is the place of a disk, mount that; what was measured is kept",
        )


def iterate_paths(records: Records, root_id: int) -> Iterator[str]:
    """The stored paths of a root in the order of their ids, without excluded images."""
    query = "SELECT path FROM images WHERE root_id = ? AND NOT excluded ORDER BY id"
    return (row[0] for row in records.connection.execute(query, (root_id,)))


def record_splits(records: Records, root_id: int, codes: npt.NDArray[np.uint8]) -> None:
    """Store the splits of `iterate_paths`, code for path, in the same order; only changes are written.

    Excluded images are on no side.
    """
    stored = _iterate_splits(records, root_id)
    changes = (
        (SPLIT_NAMES[code], image_id)
        for (image_id, split), code in zip(stored, codes, strict=True)
        if split != SPLIT_NAMES[code]
    )
    with records.connection as connection:
        connection.executemany("UPDATE images SET split = ? WHERE id = ?", changes)
        connection.execute(
            "UPDATE images SET split = 'unused' WHERE root_id = ? AND excluded AND split <> 'unused'",
            (root_id,),
        )


def _iterate_splits(records: Records, root_id: int) -> Iterator[tuple[int, str]]:
    """Yield the id and split of the images of `iterate_paths`, a window at a time: splits may change meanwhile."""
    query = "SELECT id, split FROM images WHERE root_id = ? AND NOT excluded AND id > ? ORDER BY id LIMIT ?"
    last = 0
    while rows := records.connection.execute(query, (root_id, last, CHUNK)).fetchall():
        last = rows[-1]["id"]
        yield from map(tuple, rows)


def count_pending(records: Records, root_id: int) -> int:
    """How many used images have not been examined since they were new or changed."""
    query = "SELECT count(*) FROM images WHERE root_id = ? AND status = 'pending' AND split <> 'unused'"
    return int(records.connection.execute(query, (root_id,)).fetchone()[0])


def iterate_pending(records: Records, root_id: int) -> Iterator[Task]:
    """Yield the images that `count_pending` counts, a window at a time: results may be stored meanwhile."""
    last = 0
    while True:
        rows = records.connection.execute(
            "SELECT id, path FROM images WHERE root_id = ? AND status = 'pending' AND split <> 'unused' "
            "AND id > ? ORDER BY id LIMIT ?",
            (root_id, last, CHUNK),
        ).fetchall()
        if not rows:
            return
        last = rows[-1]["id"]
        yield from (Task(row["id"], row["path"]) for row in rows)


def still_pending(records: Records, root_id: int, found: Sequence[Examined]) -> list[Examined]:
    """Those of some findings whose image, by id and path, still waits for them."""
    query = "SELECT 1 FROM images WHERE id = ? AND root_id = ? AND path = ? AND status = 'pending'"
    return [e for e in found if records.connection.execute(query, (e.id, root_id, e.path)).fetchone()]


def record_examined(records: Records, found: Sequence[Examined]) -> None:
    """Store what was found in some files, all or nothing."""
    usable = [e for e in found if e.status == "ok"]
    with records.connection as connection:
        connection.executemany(_RECORD_FOUND, ([*(getattr(e, name) for name in _FOUND), e.id] for e in found))
        for table in (
            "image_statistics",
            "image_histograms",
            "image_thumbnails",
        ):  # of the file's earlier content
            connection.executemany(
                f"DELETE FROM {table} WHERE image_id = ?", ((e.id,) for e in found if e.status != "ok")
            )
        connection.executemany(_RECORD_MEASURES, ((e.id, *e.values, e.perceptual_hash) for e in usable))
        connection.executemany(
            "INSERT OR REPLACE INTO image_histograms (image_id, counts) VALUES (?, ?)",
            ((e.id, e.histogram) for e in usable),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO image_thumbnails (image_id, pixels) VALUES (?, ?)",
            ((e.id, e.thumbnail) for e in usable),
        )


def count_statuses(records: Records, root: Path) -> dict[str, int]:
    """Return how many images of a root have each status, the most frequent first; `pending` is not read yet."""
    query = (
        "SELECT status, count(*) FROM images WHERE root_id = ? GROUP BY status ORDER BY count(*) DESC, status"
    )
    return dict(map(tuple, records.connection.execute(query, (find_root(records, root),))))


def count_images(
    records: Records,
    root: Path,
    status: str | None = None,
    text: str | None = None,
    filter: Filter | None = None,
) -> int:
    """Count the images of a root with this status (`broken`: any failure), this text in their path, this filter."""
    where, values = conditions(records, root, status, text, filter)
    return int(records.connection.execute(f"SELECT count(*) {LISTED} WHERE {where}", values).fetchone()[0])


def list_images(
    records: Records,
    root: Path,
    offset: int = 0,
    limit: int = 100,
    *,
    order_by: str = "path",
    descending: bool = False,
    status: str | None = None,
    text: str | None = None,
    filter: Filter | None = None,
) -> list[sqlite3.Row]:
    """Return a window of the images of a root, with LIST_COLUMNS; measures are NULL for unusable ones.

    `status`, `text` and `filter` choose as in `count_images`. Raises FextError for an unknown `order_by`. A
    window far down a long list costs as much as all rows before it: see `image_windows`.
    """
    order = order_clause(order_by, descending)
    where, values = conditions(records, root, status, text, filter)
    return records.connection.execute(
        f"SELECT {', '.join(LIST_COLUMNS)} {LISTED} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
        (*values, limit, offset),
    ).fetchall()


def order_clause(order_by: str, descending: bool) -> str:
    """Return the SQL that sorts the listed images, equal ones by path; raises FextError for an unknown column."""
    if order_by not in LIST_COLUMNS:
        raise FextError(
            f"images cannot be sorted by {order_by!r}", f"sort by one of {', '.join(LIST_COLUMNS)}"
        )
    direction = "DESC" if descending else "ASC"
    return f"path {direction}" if order_by == "path" else f"{order_by} {direction} NULLS LAST, path"


def conditions(
    records: Records, root: Path, status: str | None, text: str | None, filter: Filter | None
) -> tuple[str, list[float | str | None]]:
    """Return the SQL that chooses the images of `count_images`, and the values to bind."""
    parts = ["root_id = ?"]
    bound: list[float | str | None] = [find_root(records, root)]
    if status == "broken":
        parts.append("status NOT IN ('ok', 'pending')")
    elif status is not None:
        parts.append("status = ?")
        bound.append(status)
    if text:
        parts.append("instr(lower(path), lower(?)) > 0")
        bound.append(text)
    if filter is not None:
        parts.append(f"({filter.sql})")
        bound.extend(filter.values)
    return " AND ".join(parts), bound


def _chunks(files: Iterable[ScannedFile]) -> Iterator[list[ScannedFile]]:
    pending = iter(files)
    while chunk := list(islice(pending, CHUNK)):
        yield chunk


def _shown(root: Path) -> str:
    """The stored name of a root: its one real place, so that links and `..` make no second copy of the records."""
    return escape_name(str(root.resolve()))
