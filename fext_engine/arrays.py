"""A .npy file that grows row by row, for arrays too large for memory and of a length known only at the end."""

from __future__ import annotations

import math
import os
import shutil
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fext_engine.documents import require_file

_MOST_DIMENSIONS = 32
_LONGEST = 1 << 48
_HEADER_BYTES = 192  # room for twenty digits of rows; a multiple of 64, as the format asks
_PIECE = 8 << 20  # bytes that are copied at once


def rows_in(path: Path, row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """How many whole rows a file has that a RowWriter left unfinished; 0 when there is none."""
    row = math.prod(row_shape) * dtype.itemsize
    return max(0, path.stat().st_size - _HEADER_BYTES) // row if path.exists() else 0


def map_rows(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Map the array of a .npy file read-only; nothing of the file but its header is read, and never a pickle.

    Raises OSError, or ValueError unless it is of format 1.0, in C order, of this shape and dtype, and whole.
    """
    require_file(path)
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):  # no other is written
                raise ValueError(f"version {version[0]}.{version[1]} of the format")
            found, fortran, kind = np.lib.format.read_array_header_1_0(file)
        except (OSError, ValueError):
            raise
        except Exception as error:  # of the header's own parser: token, recursion, memory ...
            raise ValueError(f"its header cannot be read: {type(error).__name__}") from error
        start = file.tell()
    if kind != dtype or fortran:
        raise ValueError(f"it holds {kind}, and not {dtype}")
    if found != shape:
        raise ValueError(f"it has shape {found}, and not {shape}")
    if len(shape) > _MOST_DIMENSIONS or not all(0 <= side <= _LONGEST for side in shape):
        raise ValueError(f"no array has shape {shape}")
    have, need = path.stat().st_size, start + math.prod(shape) * dtype.itemsize
    if have < need:
        raise ValueError(f"it is truncated: {have:,} of {need:,} bytes")
    if not math.prod(shape):  # nothing to map
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape)


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of a .npz file that is not compressed; raises OSError or ValueError for anything else.

    What is compressed could be a thousand times as large in memory.
    """
    require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("it is compressed")
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it says that it holds more than it does")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in arrays.files}
    except (OSError, ValueError):
        raise
    except Exception as error:  # zipfile's and the header's own, for a damaged file
        raise ValueError(f"it cannot be read: {type(error).__name__}: {error}") from error


class RowWriter:
    """Writes rows of one shape and dtype to `path`; on leaving the block the header names how many.

    The result is a plain version-1.0 .npy file in C order, which `np.load(path, mmap_mode="r")` maps. With
    `keep` it goes on behind so many rows of a file that an earlier writer of the same shape and dtype left;
    what is beyond them is cut off.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: np.dtype[Any], keep: int = 0) -> None:
        self.row_shape, self.dtype = row_shape, dtype
        self.rows = keep
        self._file = path.open("rb+" if keep else "wb")
        if keep:
            self._cut()
        else:
            self._file.write(self._header())

    def write(self, rows: NDArray[Any]) -> None:
        """Append an array (n, *row_shape); raises ValueError for another shape, OSError when the disk is full."""
        if rows.shape[1:] != self.row_shape:
            raise ValueError(f"rows of shape {rows.shape[1:]}, expected {self.row_shape}")
        self._file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        self.rows += len(rows)

    def append(self, path: Path) -> None:
        """Append all rows of a file that another writer of the same shape and dtype left, a piece at a time."""
        self.rows += rows_in(path, self.row_shape, self.dtype)
        with path.open("rb") as file:
            file.seek(_HEADER_BYTES)
            shutil.copyfileobj(file, self._file, _PIECE)
        self._cut()

    def _cut(self) -> None:
        """End the file behind the rows, and go on there."""
        self._file.truncate(_HEADER_BYTES + self.rows * math.prod(self.row_shape) * self.dtype.itemsize)
        self._file.seek(0, os.SEEK_END)

    def sync(self) -> None:
        """Make the rows so far durable: they are on disk when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def _header(self) -> bytes:
        shape = (self.rows, *self.row_shape)
        text = f"{{'descr': {self.dtype.str!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
        length = _HEADER_BYTES - 10
        magic = b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little")
        return magic + text.encode("ascii").ljust(length - 1) + b"\n"

    def close(self) -> None:
        """Let the header name the rows, and close the file, durable."""
        try:
            self._file.seek(0)
            self._file.write(self._header())
            self.sync()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is; another writer may go on with it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
