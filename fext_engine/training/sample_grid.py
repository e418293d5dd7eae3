"""The picture of an epoch's samples: originals over their reconstructions, in tiles whose size the file tells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fext_engine.documents import parse_json
from fext_engine.errors import FextError
from fext_engine.images.decode import Pixels, decode_image
from fext_engine.training.run_folder import RunFolder

GAP = 2
"""Pixels between two tiles."""

_KEY = "fext-samples"


@dataclass(frozen=True)
class SampleGrid:
    """Where the tiles lie: each column an image, above as it is and below as the model gives it back."""

    width: int
    height: int
    count: int
    names: tuple[str, ...] = ()
    """The stored paths of the images; empty where the file does not tell."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole picture."""
        return self.count * (self.width + GAP) - GAP, 2 * (self.height + GAP) - GAP

    def corner(self, index: int, row: int) -> tuple[int, int]:
        """The left upper pixel of a tile, (x, y); row 0 holds the originals, row 1 the reconstructions."""
        return index * (self.width + GAP), row * (self.height + GAP)

    def to_png_text(self) -> PngInfo:
        """The grid as a text chunk of its picture, for `read_grid`."""
        text = PngInfo()
        about = {"width": self.width, "height": self.height, "count": self.count, "names": self.names}
        text.add_text(_KEY, json.dumps(about))
        return text


def read_grid(path: Path) -> SampleGrid | None:
    """Read the grid of a sample picture from its header.

    A picture of before the text chunk is taken to have tiles of the size that its run's configuration names.
    None where neither fits the picture, or the file is no picture.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            size, text = image.size, image.info.get(_KEY)
        grid = _configured_grid(path, size) if text is None else _parse(text)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, FextError, Image.DecompressionBombError):
        return None
    return grid if grid.count > 0 and min(grid.width, grid.height) > 0 and grid.size == size else None


def read_pair(path: Path, grid: SampleGrid, index: int) -> tuple[Pixels, Pixels]:
    """Return an original and its reconstruction, uint8 (H, W, 3) each; raises DecodeError.

    Raises IndexError when the picture is not of this grid.
    """
    pixels = decode_image(path).pixels
    if pixels.shape[1::-1] != grid.size or not 0 <= index < grid.count:
        raise IndexError(f"the picture has no sample {index + 1} of {grid.width} x {grid.height} pixels")
    pair = []
    for row in (0, 1):
        x, y = grid.corner(index, row)
        pair.append(np.ascontiguousarray(pixels[y : y + grid.height, x : x + grid.width]))
    return pair[0], pair[1]


def _parse(text: str) -> SampleGrid:
    about = parse_json(text)
    names = tuple(str(name) for name in about["names"])
    return SampleGrid(int(about["width"]), int(about["height"]), int(about["count"]), names)


def _configured_grid(path: Path, size: tuple[int, int]) -> SampleGrid:
    data = RunFolder(path.parent.parent).settings().dataset
    return SampleGrid(data.image_width, data.image_height, (size[0] + GAP) // (data.image_width + GAP))
