"""The sums over all pixels that the measures are made of, band by band: exact, and in little memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from fext_engine.images.decode import Pixels

Floats = npt.NDArray[np.float64]
Signed = npt.NDArray[np.int16]

BAND_PIXELS = 1 << 18  # small enough for a processor's cache, large enough for the calls not to matter
LOW_SATURATION, HIGH_SATURATION = 25, 230  # of 255, whole steps: the last below 0.1, the first above 0.9
NOISE_SCALE = 16
"""What `noise` is multiplied by to be whole: the sum of the Gaussian's weights (1 2 1) x (1 2 1)."""

_BINOMIAL = np.array([1, 2, 1], np.float32)


@dataclass(slots=True)
class BandSums:
    """Sums over the pixels of one image; whole numbers, so that bands change nothing."""

    pixels: int = 0
    grey: Floats = field(default_factory=lambda: np.zeros(256))
    """How many pixels have each grey value."""
    channels: Floats = field(default_factory=lambda: np.zeros((3, 256)))
    """The same of red, green and blue."""
    patterns: Floats = field(default_factory=lambda: np.zeros(256))
    """How many inner pixels have each local binary pattern."""
    noise: int = 0
    """Of NOISE_SCALE times grey minus its 3x3 Gaussian."""
    noise_squares: int = 0
    laplacian: int = 0
    laplacian_squares: int = 0
    gradient: float = 0.0
    """Of the Sobel gradients' lengths."""
    gradient_squares: int = 0
    difference_squares: tuple[int, int, int] = (0, 0, 0)
    """Of R - G, R - B and G - B."""
    saturation: int = 0
    """Of the HSV saturation, 0 to 255."""
    low_saturation: int = 0
    """Pixels of at most LOW_SATURATION."""
    high_saturation: int = 0
    """Pixels of at least HIGH_SATURATION."""


def sum_bands(pixels: Pixels, grey: Pixels, across: Signed, down: Signed) -> BandSums:
    """Sum over (H, W, 3) RGB, its (H, W) grey, and the grey's Sobel derivatives."""
    height, width = grey.shape
    sums = BandSums(pixels=grey.size)
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        end = min(top + rows, height)
        above, below = min(1, top), min(1, height - end)
        _add_colours(sums, pixels[top:end])
        _add_gradients(sums, across[top:end], down[top:end])
        wide = grey[top - above : end + below]  # a band's border is none of the image's: one more row
        sums.grey += count_values(grey[top:end])
        _add_neighbourhoods(sums, wide, slice(above, above + end - top))
        if min(wide.shape) >= 3:
            sums.patterns += count_values(local_binary_patterns(wide))
    return sums


def count_values(plane: Pixels) -> Floats:
    """Pixels per value 0 to 255."""
    return cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel().astype(np.float64)


def local_binary_patterns(grey: Pixels) -> Pixels:
    """Return the 8-neighbour code of every inner pixel, (H - 2, W - 2) uint8; a bit says neighbour >= centre.

    Bits from the lowest: left, lower left, below, lower right, right, upper right, above, upper left.
    """
    height, width = grey.shape
    flat = np.ascontiguousarray(grey).ravel()
    # One long row is several times as fast as many short ones; what wraps around falls on the cut border.
    first, last = width + 1, (height - 1) * width - 1
    centre = flat[first:last]
    codes = np.zeros((height - 2) * width, np.uint8)
    found, bit = codes[: len(centre)], np.empty(len(centre), np.bool_)
    for offset in (-width - 1, -width, -width + 1, 1, width + 1, width, width - 1, -1):
        np.greater_equal(flat[first + offset : last + offset], centre, out=bit)
        np.add(found, found, out=found)
        np.bitwise_or(found, bit.view(np.uint8), out=found)
    return codes.reshape(height - 2, width)[:, : width - 2]


def _add_colours(sums: BandSums, pixels: Pixels) -> None:
    red, green, blue = planes = [np.asarray(plane, np.uint8) for plane in cv2.split(pixels)]
    sums.channels += [count_values(plane) for plane in planes]
    pairs = ((red, green), (red, blue), (green, blue))
    before = sums.difference_squares
    rg, rb, gb = (
        old + round(cv2.norm(*pair, cv2.NORM_L2SQR)) for old, pair in zip(before, pairs, strict=True)
    )
    sums.difference_squares = (rg, rb, gb)
    largest = cv2.max(cv2.max(red, green), blue)
    chroma = cv2.subtract(largest, cv2.min(cv2.min(red, green), blue))
    saturation = np.asarray(cv2.divide(chroma, largest, scale=255), np.uint8)
    sums.saturation += int(cv2.sumElems(saturation)[0])
    sums.low_saturation += int(np.count_nonzero(saturation <= LOW_SATURATION))
    sums.high_saturation += int(np.count_nonzero(saturation >= HIGH_SATURATION))


def _add_gradients(sums: BandSums, across: Signed, down: Signed) -> None:
    # whole numbers below 2^24, exact in float32; cv2.magnitude would round by the memory's alignment
    squared, other = across.astype(np.float32), down.astype(np.float32)
    squared *= squared
    other *= other
    squared += other
    sums.gradient_squares += round(cv2.sumElems(squared)[0])
    sums.gradient += cv2.sumElems(cv2.sqrt(squared, squared))[0]


def _add_neighbourhoods(sums: BandSums, grey: Pixels, inner: slice) -> None:
    blurred = np.asarray(cv2.sepFilter2D(grey, cv2.CV_16S, _BINOMIAL, _BINOMIAL), np.int16)
    noise = np.multiply(grey, NOISE_SCALE, dtype=np.int16)
    noise -= blurred
    sums.noise += int(cv2.sumElems(noise[inner])[0])
    sums.noise_squares += _sum_squares(noise[inner])
    laplacian = np.asarray(cv2.Laplacian(grey, cv2.CV_16S), np.int16)[inner]
    sums.laplacian += int(cv2.sumElems(laplacian)[0])
    sums.laplacian_squares += _sum_squares(laplacian)


def _sum_squares(plane: Signed) -> int:
    return round(cv2.norm(plane, cv2.NORM_L2SQR))  # OpenCV squares a root again: some last digit is lost
