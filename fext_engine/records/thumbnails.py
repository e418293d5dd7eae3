"""Stored thumbnails of images by path, for a sheet of many images at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fext_engine.images.decode import Pixels
from fext_engine.images.thumbnails import read_thumbnail
from fext_engine.records.database import Records
from fext_engine.records.images import find_root


@dataclass(frozen=True, slots=True)
class StoredThumbnail:
    """A thumbnail as it was when the file had `bytes` bytes and the time `mtime_ns`."""

    pixels: Pixels
    """uint8 (24, 24, 3), squeezed to a square."""
    width: int
    height: int
    bytes: int
    mtime_ns: int


def stored_thumbnails(records: Records, root: Path, paths: Sequence[str]) -> dict[str, StoredThumbnail]:
    """Return the thumbnails of some hundreds of stored paths at most; those without one are missing."""
    root_id = find_root(records, root)
    if root_id is None:
        return {}
    rows = records.connection.execute(
        "SELECT path, pixels, width, height, bytes, mtime_ns FROM images "
        "JOIN image_thumbnails ON image_id = id "
        "WHERE root_id = ? AND path IN (SELECT value FROM json_each(?)) AND status = 'ok'",
        (root_id, json.dumps(list(paths))),
    )
    return {
        row["path"]: StoredThumbnail(
            read_thumbnail(row["pixels"]), row["width"], row["height"], row["bytes"], row["mtime_ns"]
        )
        for row in rows
    }
