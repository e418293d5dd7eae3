"""An encoding that is being made: a hidden folder beside its final place, in which a later start goes on.

Each file of the listing has a line in `journal.csv`, in the order of the listing. A line is written only once
the row that it names is on disk, so the journal is the truth after a stop, a kill or a loss of power.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from fext_engine.arrays import RowWriter, rows_in
from fext_engine.documents import read_text
from fext_engine.errors import FextError
from fext_engine.images.scan import stays_below
from fext_engine.latents.encoding import LATENTS, ROW_HEADER, ROWS, FileRow
from fext_engine.latents.listing import FILES, Listing, read_listing
from fext_engine.latents.manifest import MANIFEST, Manifest, Part
from fext_engine.latents.recipe import Recipe
from fext_engine.paths import escape_name, unescape_name
from fext_engine.training.run_folder import numbered
from fext_engine.workspace import atomic_file, sync_folder, write_atomic

SUFFIX = ".partial"
STATE, JOURNAL, LOCK, SCRATCH = "state.json", "journal.csv", "lock", "known.sqlite"
PART = "part_"  # begins the names of folders inside, which other processes make
SYNC_SECONDS = 10.0
SYNC_LINES = 10_000


class State(Part):
    """What an unfinished encoding will be."""

    name: str
    """Of the finished folder, escaped."""
    recipe: Recipe


class Kept(NamedTuple):
    """What of an unfinished encoding stays."""

    files: int = 0
    rows: int = 0
    journal_bytes: int = 0


class Unfinished:
    """Writes an encoding's rows and lines in the order of its listing, behind what is there already.

    `step` is the number of files that are encoded at once: what is there is kept in whole steps.
    """

    def __init__(
        self, folder: Path, listing: Listing, shape: tuple[int, ...], dtype: np.dtype[Any], step: int
    ) -> None:
        self.folder = folder
        kept = kept_in(folder, listing, shape, dtype, step)
        self.files = kept.files
        """How many files of the listing are done."""
        (folder / MANIFEST).unlink(missing_ok=True)  # the sign that all is there
        self._latents = RowWriter(folder / LATENTS, shape, dtype, kept.rows)
        self._journal = (folder / JOURNAL).open("ab")
        self._journal.truncate(kept.journal_bytes)
        self._lines: list[FileRow] = []  # whose rows may not be on disk yet
        self._synced = time.monotonic()
        self._torn = False  # a write failed: what would come behind it is not taken
        self.sync()
        with atomic_file(folder / FILES) as file:
            listing.copy_to(file)

    def write(self, rows: NDArray[Any], lines: list[FileRow]) -> None:
        """Append the lines of the next files, and the rows (n, *row_shape) of those that are `ok`."""
        if self._torn:
            raise RuntimeError("the write before has failed")
        self._torn = True
        number = self._latents.rows
        self._latents.write(rows)
        for line in lines:
            has_row = line.status == "ok"
            self._lines.append(line._replace(row=number if has_row else None))
            number += has_row
        self.files += len(lines)
        self._torn = False
        self._sync_in_time()

    def take(self, part: Path, listing: Listing, step: int) -> Iterator[FileRow]:
        """Append all that another one made in the folder `part` of the next files, and yield its lines.

        It is read a piece at a time. Raises FextError unless it is whole.
        """
        kept = kept_in(part, listing, self._latents.row_shape, self._latents.dtype, step)
        first = self._latents.rows
        if kept.files == listing.count:
            self._latents.append(part / LATENTS)
        if kept.files < listing.count or self._latents.rows != first + kept.rows:
            raise FextError(
                f"{escape_name(str(part))} is not whole", "give the same command: what it lacks is made again"
            )
        with (part / JOURNAL).open("rb") as journal:
            for entry in map(_parse, journal):
                assert entry is not None  # of a whole part
                self._lines.append(entry if entry.row is None else entry._replace(row=first + entry.row))
                self.files += 1
                yield entry
                self._sync_in_time()
        self.sync()

    def _sync_in_time(self) -> None:
        if time.monotonic() - self._synced > SYNC_SECONDS or len(self._lines) > SYNC_LINES:
            self.sync()

    def sync(self) -> None:
        """Make all that was written durable."""
        self._latents.sync()
        if self._lines:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(line.cells for line in self._lines)
            self._journal.write(text.getvalue().encode())
            self._lines.clear()
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._synced = time.monotonic()

    def finish(self, manifest: Callable[[Counter[str]], Manifest]) -> Manifest:
        """Write what the finished encoding holds besides the rows; the manifest, made of the counts, last."""
        self.sync()
        self._latents.close()
        statuses = _write_rows(self.folder)
        document = manifest(statuses)
        sync_folder(self.folder)
        write_atomic(self.folder / MANIFEST, document.text())
        return document

    def close(self) -> None:
        """Close the files; what was not synced is lost."""
        with suppress(OSError):  # of a full disk, which was told when it was met
            self._latents.abandon()
        with suppress(OSError):
            self._journal.close()


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other jobs out of an unfinished encoding; raises FextError when one works on it."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FextError(
            f"another job makes this encoding already, in {escape_name(str(folder))}",
            "wait for it, or stop it: `fext jobs` lists them",
        ) from None
    try:
        yield
    finally:
        lock.release()


def new_folder(output: Path, recipe: Recipe) -> Path:
    """Make the folder in which the encoding `output` comes to be."""
    output.parent.mkdir(parents=True, exist_ok=True)
    folders = (output.parent / f".{name}{SUFFIX}" for name in numbered(output.name))
    folder = next(path for path in folders if not (path / STATE).exists())  # of another recipe, left alone
    folder.mkdir(exist_ok=True)  # without a state it was killed just then
    state = State(name=escape_name(output.name), recipe=recipe)
    write_atomic(folder / STATE, state.model_dump_json(indent=1) + "\n")
    return folder


def unfinished_in(folder: Path) -> Iterator[tuple[Path, State]]:
    """Yield the unfinished encodings in a folder, the newest first, with what each will be."""
    found = []
    with suppress(OSError):
        found = [p for p in folder.iterdir() if p.name.startswith(".") and p.name.endswith(SUFFIX)]
    for path in sorted(found, key=lambda p: p.name, reverse=True):
        with suppress(OSError, ValueError):  # pydantic's ValidationError is one
            state = State.model_validate_json(read_text(path / STATE))
            if _is_plain(path, unescape_name(state.name)):
                yield path, state


def _is_plain(folder: Path, name: str) -> bool:
    """Whether an unfinished encoding is as FeXT leaves it: a folder with the name of one, and no link in it."""
    named = stays_below(escape_name(name)) and Path(name).name == name
    return named and not folder.is_symlink() and not any(file.is_symlink() for file in folder.iterdir())


def final_place(folder: Path, state: State) -> Path:
    """Where the encoding that is made in `folder` will be."""
    return folder.parent / Path(unescape_name(state.name)).name


def discard_if_empty(folder: Path) -> None:
    """Remove an unfinished encoding in which not one file is done."""
    journals = [folder / JOURNAL, *folder.glob(f"{PART}*/{JOURNAL}")]
    if not any(journal.exists() and journal.stat().st_size for journal in journals):
        shutil.rmtree(folder, ignore_errors=True)


def remove_tools(folder: Path) -> None:
    """Remove what a finished encoding needs no more, and files that a kill left half written."""
    for path in (*(folder / name for name in (STATE, JOURNAL, LOCK, SCRATCH)), *folder.glob(".*.tmp")):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def kept_in(folder: Path, listing: Listing, shape: tuple[int, ...], dtype: np.dtype[Any], step: int) -> Kept:
    """How far the journal of a folder and this listing agree and the rows are there, in whole steps of files.

    Whole steps, because what is computed in one step does not depend on where a run before was stopped.
    """
    kept, files, number, end = Kept(), 0, 0, 0
    rows = rows_in(folder / LATENTS, shape, dtype)
    if not (folder / JOURNAL).exists() or not (folder / FILES).exists():
        return kept
    with suppress(FextError), (folder / JOURNAL).open("rb") as journal:
        for line, before, now in zip(journal, read_listing(folder / FILES), listing, strict=False):
            entry = _parse(line)
            if entry is None or before != now or entry.path != now.path or entry.row not in (None, number):
                break
            number += entry.row is not None
            if number > rows:
                break
            files, end = files + 1, end + len(line)
            if files % step == 0 or files == listing.count:
                kept = Kept(files, number, end)
    return kept


def _parse(line: bytes) -> FileRow | None:
    """A line of the journal; None for one that was torn by a crash."""
    if not line.endswith(b"\n"):
        return None
    try:
        (cells,) = csv.reader([line.decode()])
        return FileRow.parse(cells)
    except (ValueError, csv.Error):
        return None


def _write_rows(folder: Path) -> Counter[str]:
    """Make rows.csv of the journal, the files without a row at the end, and count the files by status."""
    statuses: Counter[str] = Counter()
    with atomic_file(folder / ROWS) as file, (folder / JOURNAL).open("rb") as journal:
        file.write(",".join(ROW_HEADER).encode() + b"\n")
        for with_row in (True, False):
            journal.seek(0)
            for line in journal:
                entry = _parse(line)
                if entry is not None and (entry.row is not None) == with_row:
                    file.write(line)
                    statuses[entry.status] += 1
    return statuses
