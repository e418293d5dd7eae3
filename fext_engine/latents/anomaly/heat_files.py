"""Heat maps on disk: one array of all rows that maps into memory, and pictures of the most anomalous images."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fext_engine.images.decode import decode_image
from fext_engine.images.faults import DecodeError
from fext_engine.latents.anomaly.heat import overlay

PICTURES = "heat_maps"
_SIDE = 512  # pixels of a picture's longer side, at most


class MapWriter:
    """Writes float16 maps (H, W) of the rows of a .npy file, in any order; rows that are not written are NaN.

    Plain writes and no memory map: a full disk is then an OSError, not the end of the process.
    """

    def __init__(self, path: Path, rows: int, height: int, width: int) -> None:
        self.shape = rows, height, width
        self._missing = set(range(rows))
        self._file = path.open("wb")
        header = {"descr": "<f2", "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._start = self._file.tell()

    def write(self, row: int, heat: NDArray[np.float32]) -> None:
        """Write the map of a row."""
        data = np.ascontiguousarray(heat, "<f2").tobytes()
        self._file.seek(self._start + row * len(data))
        self._file.write(data)
        self._missing.discard(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for row in sorted(self._missing):
                    self.write(row, np.full(self.shape[1:], np.nan, np.float32))
        finally:
            self._file.close()


def draw(image: Path, heat: NDArray[np.float32], file: Path) -> None:
    """Write a PNG of an image's heat map over it; nothing when the image cannot be read any more."""
    try:
        pixels = decode_image(image).pixels
    except DecodeError:
        return
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE))
    Image.fromarray(overlay(np.asarray(picture), heat)).save(file, "PNG")
