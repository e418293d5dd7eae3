"""The rows of an encoding that is brought up to date: found by path and time of change, or by content."""

from __future__ import annotations

import heapq
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from fext_engine.errors import FextError
from fext_engine.latents.encoding import LATENTS, ROWS, FileRow, map_latents, read_rows
from fext_engine.latents.listing import FILES, ListedFile, path_key, read_listing
from fext_engine.latents.manifest import read_manifest
from fext_engine.paths import escape_name

_CONTENTS = """
CREATE TABLE contents (digest TEXT PRIMARY KEY, row INTEGER, width INTEGER, height INTEGER) WITHOUT ROWID
"""


class Task(NamedTuple):
    """A file to get a line, and its line in the old encoding if it was not changed since."""

    file: ListedFile
    known: FileRow | None = None


class Known:
    """A finished encoding as a source of rows; memory does not grow with it."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        """Check the encoding in `folder`, and index its contents in the file `scratch`.

        Raises FextError, which names the file and the reason, when it is truncated, damaged or foreign.
        """
        self.folder = folder
        self.latents = map_latents(folder, read_manifest(folder))
        scratch.unlink(missing_ok=True)
        self._scratch = scratch
        self._index = sqlite3.connect(scratch, check_same_thread=False)
        self._lock = threading.Lock()
        try:
            self._index.execute("PRAGMA journal_mode = OFF")
            self._index.execute("PRAGMA synchronous = OFF")
            self._index.execute(_CONTENTS)
            self._index.executemany("INSERT OR IGNORE INTO contents VALUES (?, ?, ?, ?)", self._contents())
            self._index.commit()
        except BaseException:
            self._index.close()
            raise

    def tasks(self, files: Iterable[ListedFile]) -> Iterator[Task]:
        """Yield each of the files, sorted by path, with its line if it has a row and was not changed since."""
        old = _stamped(self.folder)
        line, stamp = next(old, (None, None))
        for file in files:
            key = path_key(file.path)
            while line is not None and path_key(line.path) < key:
                line, stamp = next(old, (None, None))
            same = line is not None and line.row is not None and stamp == file
            yield Task(file, line if same else None)

    def find(self, digest: str) -> FileRow | None:
        """A line with a row of a file of that content; its path is empty. May be called in any thread."""
        with self._lock:
            found = self._index.execute("SELECT row, width, height FROM contents WHERE digest = ?", (digest,))
            row = found.fetchone()
        return FileRow(row[0], "", row[1], row[2], digest, "ok", "") if row else None

    def close(self) -> None:
        """Close the index, which is of no more use."""
        self._index.close()
        with suppress(OSError):
            self._scratch.unlink()

    def _contents(self) -> Iterator[tuple[str, int, int, int]]:
        """The lines that have a row; their numbers are checked, for a row is taken over by its number."""
        wanted = len(self.latents)
        numbers = count()
        for line in read_rows(self.folder):
            if line.row is None:
                continue
            if line.row != next(numbers):
                wanted = -1
                break
            yield line.digest, line.row, line.width, line.height
        if next(numbers) != wanted:
            name = escape_name(str(self.folder / ROWS))
            raise FextError(
                f"{name} does not number the rows of {LATENTS} one by one", "encode the folder again"
            )


def table(folder: Path) -> Iterator[FileRow]:
    """Every line of an encoding, with and without a row, in the order of the paths."""
    good = (line for line in read_rows(folder) if line.row is not None)
    broken = (line for line in read_rows(folder) if line.row is None)
    return heapq.merge(good, broken, key=lambda line: path_key(line.path))


def _stamped(folder: Path) -> Iterator[tuple[FileRow, ListedFile | None]]:
    """Every line with what is known of the file's last change; nothing, if the encoding does not keep that."""
    stamps: Iterator[ListedFile] = read_listing(folder / FILES)
    stamp = None
    for line in table(folder):
        with suppress(FextError):
            stamp = next(stamps, None)
        yield line, stamp if stamp is not None and stamp.path == line.path else None
