"""An encoding on disk, opened and checked: its vectors mapped into memory, its files, its manifest."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fext_engine.arrays import map_rows
from fext_engine.documents import require_file
from fext_engine.errors import FextError
from fext_engine.images.scan import image_path, stays_below
from fext_engine.latents.manifest import Manifest, read_manifest
from fext_engine.paths import escape_name, unescape_name

LATENTS, ROWS = "latents.npy", "rows.csv"
ROW_HEADER = ("row", "path", "width", "height", "digest", "status", "reason")
_AGAIN = "encode the folder again"
_LONGEST_SIDE = 2**31 - 1


class FileRow(NamedTuple):
    """One line of rows.csv: a file, and its row of the vectors; None for a file without one."""

    row: int | None
    path: str
    """Relative to the encoded folder, escaped."""
    width: int
    height: int
    digest: str
    status: str
    reason: str

    @classmethod
    def parse(cls, cells: list[str]) -> FileRow:
        """The line of these cells; raises ValueError when they are none, or lead out of the folder."""
        row, path, width, height, digest, status, reason = cells
        if not stays_below(path):
            raise ValueError(f"{escape_name(path)} leads out of the encoded folder")
        number, size = int(row) if row else None, (int(width or 0), int(height or 0))
        if not all(0 <= side <= _LONGEST_SIDE for side in size):
            raise ValueError(f"no image has {width} x {height} pixels")
        return cls(number, path, *size, digest, status, reason)

    @property
    def cells(self) -> tuple[str | int, ...]:
        """The line, in the order of ROW_HEADER; what is not known is empty."""
        row = "" if self.row is None else self.row
        return (row, self.path, self.width or "", self.height or "", self.digest, self.status, self.reason)


@dataclass(frozen=True)
class Encoding:
    """A checked encoding. Open one with `open_encoding`."""

    folder: Path
    manifest: Manifest
    latents: NDArray[Any]
    """(N, *row_shape), float32 or float16, mapped read-only."""
    files: tuple[FileRow, ...]
    """Every file: first those with a row, in the order of the rows, then those without."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def images(self) -> Path:
        """The folder that was encoded; it may have moved since."""
        return Path(unescape_name(self.manifest.images))

    @cached_property
    def rows(self) -> tuple[FileRow, ...]:
        """The files that have a row; the i-th has row i."""
        return self.files[: len(self.latents)]

    @property
    def vectors(self) -> NDArray[Any]:
        """(N, D): each row as one vector, still mapped."""
        return self.latents.reshape(len(self.latents), -1)

    def image(self, row: int) -> Path:
        """The file that row was made of."""
        return image_path(self.images, self.rows[row].path)


def open_encoding(folder: Path) -> Encoding:
    """Open an encoding and check that its three files belong together.

    Raises FextError, which names the file and the reason, for a truncated or foreign one.
    """
    manifest = read_manifest(folder)
    latents = map_latents(folder, manifest)
    files = tuple(read_rows(folder))
    numbers = [file.row for file in files]
    count = len(latents)
    if numbers != [*range(count), *[None] * (len(files) - count)]:
        name = escape_name(str(folder / ROWS))
        raise FextError(f"{name} does not number the {count} rows of {LATENTS} from 0 to {count - 1}", _AGAIN)
    return Encoding(folder, manifest, latents, files)


def require_same_space(one: Encoding, other: Encoding) -> None:
    """Raise FextError, which says what differs, unless distances between rows of the two mean something."""
    for what in ("checkpoint", "preprocessing", "pooling", "row_shape", "projection"):
        ours, theirs = getattr(one.manifest, what), getattr(other.manifest, what)
        if ours != theirs:
            raise FextError(
                f"{escape_name(one.name)} and {escape_name(other.name)} cannot be compared, "
                f"their {what.replace('_', ' ')} differs: {ours} and {theirs}",
                "encode both with the same run and the same settings",
            )


def map_latents(folder: Path, manifest: Manifest) -> NDArray[Any]:
    """The vectors of an encoding, mapped read-only; raises FextError unless they are what the manifest says."""
    file = folder / LATENTS
    name = escape_name(str(file))
    try:
        wanted = (manifest.counts.encoded, *manifest.row_shape)
        if manifest.dtype not in ("float32", "float16"):
            raise ValueError(f"the manifest says {escape_name(manifest.dtype)}")
        return map_rows(file, wanted, np.dtype(manifest.dtype))
    except FileNotFoundError as error:
        raise FextError(f"{name} is missing", _AGAIN) from error
    except OSError as error:
        raise FextError(f"cannot read {name}: {error.strerror or error}", _AGAIN) from error
    except ValueError as error:
        raise FextError(f"{name} does not fit its manifest: {error}", _AGAIN) from error


def read_rows(folder: Path) -> Iterator[FileRow]:
    """Yield the lines of an encoding's rows.csv; raises FextError for a file that is none."""
    file = folder / ROWS
    name = escape_name(str(file))
    line = 1
    try:
        require_file(file)
        with file.open(newline="", encoding="utf-8") as opened:
            lines = csv.reader(opened)
            if tuple(next(lines, ())) != ROW_HEADER:
                raise ValueError(f"its header is not {','.join(ROW_HEADER)}")
            for cells in lines:
                line = lines.line_num
                yield FileRow.parse(cells)
    except OSError as error:
        raise FextError(f"cannot read {name}: {error.strerror or error}", _AGAIN) from error
    except (ValueError, csv.Error) as error:  # UnicodeDecodeError is a ValueError
        raise FextError(f"{name} is no table of FeXT's, line {line}: {error}", _AGAIN) from error
