"""What came of the files between two encodings of one folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fext_engine.latents.encoding import FileRow
from fext_engine.latents.known import table
from fext_engine.latents.listing import path_key

# Each content that went from some paths and came to others was renamed; what is left was added or removed.
_RENAMED = """
SELECT coalesce(sum(min(gone.n, come.n)), 0)
FROM (SELECT digest, count(*) AS n FROM files WHERE side = 'gone' AND digest <> '' GROUP BY digest) AS gone
JOIN (SELECT digest, count(*) AS n FROM files WHERE side = 'come' AND digest <> '' GROUP BY digest) AS come
USING (digest)
"""


@dataclass(frozen=True)
class Changes:
    """Numbers of files, by what came of them."""

    unchanged: int
    changed: int
    """Of the same path and another content."""
    renamed: int
    """Of another path and the same content."""
    added: int
    removed: int


def compare(old: Path, new: Path) -> Changes:
    """Compare the tables of two encodings; what differs is kept in a temporary file, not in memory."""
    unchanged = changed = gone = come = 0
    with closing(sqlite3.connect("")) as scratch:
        scratch.execute("CREATE TABLE files (side TEXT, digest TEXT)")
        for before, now in _pairs(table(old), table(new)):
            if before is not None and now is not None:
                same = (before.digest, before.status) == (now.digest, now.status)
                unchanged, changed = unchanged + same, changed + (not same)
            elif before is not None:
                gone += 1
                scratch.execute("INSERT INTO files VALUES ('gone', ?)", (before.digest,))
            elif now is not None:
                come += 1
                scratch.execute("INSERT INTO files VALUES ('come', ?)", (now.digest,))
        renamed = int(scratch.execute(_RENAMED).fetchone()[0])
    return Changes(unchanged, changed, renamed, come - renamed, gone - renamed)


def _pairs(old: Iterator[FileRow], new: Iterator[FileRow]) -> Iterator[tuple[FileRow | None, FileRow | None]]:
    """Walk two tables in the order of the paths; a path that only one of them has has no partner."""
    before, now = next(old, None), next(new, None)
    while before is not None or now is not None:
        one = path_key(before.path) if before else None
        other = path_key(now.path) if now else None
        if other is None or (one is not None and one < other):
            yield before, None
            before = next(old, None)
        elif one is None or other < one:
            yield None, now
            now = next(new, None)
        else:
            yield before, now
            before, now = next(old, None), next(new, None)
