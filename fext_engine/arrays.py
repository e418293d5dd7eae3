"""A .npy file that grows row by row, for arrays too large for memory and of a length known only at the end."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES = 192  # room for twenty digits of rows; a multiple of 64, as the format asks
_PIECE = 8 << 20  # bytes that are copied at once


def rows_in(path: Path, row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """How many whole rows a file has that a RowWriter left unfinished; 0 when there is none."""
    row = math.prod(row_shape) * dtype.itemsize
    return max(0, path.stat().st_size - _HEADER_BYTES) // row if path.exists() else 0


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
