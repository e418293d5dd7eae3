"""Pixel histograms and mean images of a dataset, its sides and its classes, summed from what each image left."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fext_engine.images.examine import unpack_histogram
from fext_engine.images.thumbnails import SIDE, read_thumbnail


@dataclass(slots=True)
class PixelSum:
    """Pixels of some images, put together."""

    images: int = 0
    histogram: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros((3, 256), np.uint64))
    """(3, 256): how many pixels have each value of red, green and blue."""
    thumbnails: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros((SIDE, SIDE, 3), np.uint64))
    """Sum of the thumbnails, in which every image counts alike, whatever its size."""

    def add(self, histogram: npt.NDArray[np.uint32], thumbnail: npt.NDArray[np.uint8]) -> None:
        """Add one image."""
        self.images += 1
        self.histogram += histogram
        self.thumbnails += thumbnail

    @property
    def mean_image(self) -> npt.NDArray[np.uint8]:
        """uint8 (SIDE, SIDE, 3) RGB: the mean of the images squeezed to one square."""
        return np.round(self.thumbnails / max(1, self.images)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class PixelSums:
    """The sums of a dataset, of each side of its split, and of its larger classes."""

    whole: PixelSum
    sides: dict[str, PixelSum]
    """`train` and `validation`, as far as they have images."""
    classes: dict[str, PixelSum]


def sum_pixels(rows: Iterable[tuple[str, str, bytes, bytes]], classes: Collection[str]) -> PixelSums:
    """Sum up rows of class, split, packed histogram and thumbnail; `classes` have sums of their own."""
    sums = PixelSums(PixelSum(), {}, {name: PixelSum() for name in classes})
    for name, split, counts, thumbnail in rows:
        histogram, small = unpack_histogram(counts), read_thumbnail(thumbnail)
        sums.whole.add(histogram, small)
        sums.sides.setdefault(split, PixelSum()).add(histogram, small)
        if name in sums.classes:
            sums.classes[name].add(histogram, small)
    return sums
