"""The files of a folder as they were listed: on disk, so that memory does not grow with their number."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import NamedTuple

from fext_engine.documents import require_file
from fext_engine.errors import FextError
from fext_engine.images.scan import Problem, scan
from fext_engine.paths import escape_name, unescape_name

FILES = "files.csv"
_HEADER = ("path", "size", "mtime_ns")


class ListedFile(NamedTuple):
    """A file and what tells whether it was changed since."""

    path: str
    """Relative to the listed folder, escaped."""
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Listing:
    """The image files below a folder in the order of the scan, by the bytes of their paths."""

    file: Path
    count: int

    def __iter__(self) -> Iterator[ListedFile]:
        return read_listing(self.file)

    def after(self, count: int) -> Iterator[ListedFile]:
        """The files behind the first `count`."""
        return islice(self, count, None)

    def is_same_as(self, file: Path) -> bool:
        """Whether another listing names the same files, none of them changed."""
        return all(one == other for one, other in zip_longest(self, read_listing(file)))


@contextmanager
def list_files(root: Path, place: Path, on_problem: Problem) -> Iterator[Listing]:
    """List the image files below `root` into a file in the folder `place`, which goes when the block ends."""
    file, count = place / FILES, 0
    try:
        with file.open("w", newline="", encoding="utf-8") as opened:
            lines = csv.writer(opened, lineterminator="\n")
            lines.writerow(_HEADER)
            for count, found in enumerate(scan(root, on_problem), start=1):  # noqa: B007 - the last one counts
                lines.writerow((found.path, found.size, found.mtime_ns))
        yield Listing(file, count)
    finally:
        file.unlink(missing_ok=True)


def read_listing(file: Path) -> Iterator[ListedFile]:
    """Yield the files of a listing; raises FextError when it is missing or none."""
    try:
        require_file(file)
        with file.open(newline="", encoding="utf-8") as opened:
            lines = csv.reader(opened)
            if tuple(next(lines, ())) != _HEADER:
                raise ValueError(f"its header is not {','.join(_HEADER)}")
            for path, size, mtime_ns in lines:
                yield ListedFile(path, int(size), int(mtime_ns))
    except (OSError, ValueError, csv.Error) as error:
        raise FextError(
            f"{escape_name(str(file))} is no list of files: {error}", "encode the folder again"
        ) from error


def path_key(path: str) -> bytes:
    """What the scan sorts by: the bytes of the true path."""
    name = unescape_name(path)
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:  # no name of a file, in a table that somebody else wrote
        return name.encode("utf-8", "surrogatepass")
