"""The files of a folder as they were listed: on disk, so that memory does not grow with their number."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise, zip_longest
from pathlib import Path
from typing import IO, NamedTuple

from fext_engine.documents import require_file
from fext_engine.errors import FextError
from fext_engine.images.scan import Problem, scan
from fext_engine.paths import escape_name, unescape_name
from fext_engine.workspace import naming

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
    """The image files below a folder in the order of the scan, by the bytes of their paths; or a part of them."""

    file: Path
    count: int
    first: int = 0
    """The number of its first file in the whole listing."""
    offset: int = 0
    """Where the line of that is, in bytes; 0 behind the header."""

    def __iter__(self) -> Iterator[ListedFile]:
        return islice(read_listing(self.file, self.offset), self.count)

    def cut(self, bounds: Sequence[int]) -> list[Listing]:
        """The parts of the whole listing between those numbers of files, which rise; they are read from there on."""
        wanted, offsets = set(bounds), []
        with self.file.open("rb") as opened:
            opened.readline()
            offset = opened.tell()
            for number, line in enumerate(opened):
                if number in wanted:
                    offsets.append(offset)
                offset += len(line)
        starts = zip(pairwise(bounds), offsets, strict=False)
        return [Listing(self.file, last - first, first, offset) for (first, last), offset in starts]

    def copy_to(self, file: IO[bytes]) -> None:
        """Write a listing of these files alone."""
        with self.file.open("rb") as opened:
            file.write(opened.readline())
            if self.offset:
                opened.seek(self.offset)
            file.writelines(islice(opened, self.count))

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
        with naming(file), file.open("w", newline="", encoding="utf-8") as opened:
            lines = csv.writer(opened, lineterminator="\n")
            lines.writerow(_HEADER)
            for count, found in enumerate(scan(root, on_problem), start=1):  # noqa: B007 - the last one counts
                lines.writerow((found.path, found.size, found.mtime_ns))
        yield Listing(file, count)
    finally:
        file.unlink(missing_ok=True)


def read_listing(file: Path, offset: int = 0) -> Iterator[ListedFile]:
    """Yield the files of a listing, from an offset in bytes on; raises FextError when it is missing or none."""
    try:
        require_file(file)
        with file.open("rb") as opened:
            header = opened.readline().decode().rstrip()
            if header != ",".join(_HEADER):
                raise ValueError(f"its header is not {','.join(_HEADER)}")
            if offset:
                opened.seek(offset)
            lines = csv.reader(io.TextIOWrapper(opened, encoding="utf-8", newline=""))
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
