"""A .npy file that grows row by row, for arrays too large for memory and of a length known only at the end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES = 192  # room for twenty digits of rows; a multiple of 64, as the format asks


class RowWriter:
    """Writes rows of one shape and dtype to `path`; on leaving the block the header names how many.

    The result is a plain version-1.0 .npy file in C order, which `np.load(path, mmap_mode="r")` maps.
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.row_shape, self.dtype = row_shape, dtype
        self.rows = 0
        self._file = path.open("wb")
        self._file.write(self._header())

    def write(self, rows: NDArray[Any]) -> None:
        """Append an array (n, *row_shape); raises ValueError for another shape, OSError when the disk is full."""
        if rows.shape[1:] != self.row_shape:
            raise ValueError(f"rows of shape {rows.shape[1:]}, expected {self.row_shape}")
        self._file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        self.rows += len(rows)

    def _header(self) -> bytes:
        shape = (self.rows, *self.row_shape)
        text = f"{{'descr': {self.dtype.str!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
        length = _HEADER_BYTES - 10
        magic = b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little")
        return magic + text.encode("ascii").ljust(length - 1) + b"\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._file.seek(0)
                self._file.write(self._header())
        finally:
            self._file.close()
