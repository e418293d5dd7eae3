"""Measures of an image as a whole, in frequencies: the share of high ones, and the perceptual hash."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from fext_engine.images.decode import Pixels

Floats32 = npt.NDArray[np.float32]

HIGH_FREQUENCY = 0.25  # of the largest radius in the spectrum
HASH_SIDE, HASH_PIXELS = 8, 32
_LARGE = 4 * HASH_PIXELS  # pixels of the shorter side from which on averaging takes its time


def high_frequency_share(grey: Pixels) -> float:
    """Share, 0 to 1, of the Fourier magnitude beyond a quarter of the largest radius; (H, W) uint8.

    Radii are counted in cycles per image from the spectrum's centre; the largest is the corner's.
    """
    if grey.shape[0] > grey.shape[1]:  # the share is the same, and wide pictures are transformed faster
        grey = np.asarray(cv2.transpose(grey), np.uint8)
    height, width = grey.shape
    packed = grey.astype(np.float32)
    cv2.dft(packed, packed)
    # Of the mirrored halves one is there: real numbers in the first column (and in the last of an even width),
    # real and imaginary parts side by side between them, which count for their mirror images too.
    pairs = (width - 1) // 2
    edges = [_unpack_column(packed[:, 0])]
    if width % 2 == 0:
        edges.append(_unpack_column(packed[:, -1]))
    np.square(packed, out=packed)
    middle = packed[:, 1 : 2 * pairs + 1 : 2] + packed[:, 2 : 2 * pairs + 2 : 2]
    total = sum(float(edge.sum()) for edge in edges)
    rows, columns = np.minimum(np.arange(height), height - np.arange(height)), (0, width // 2)
    radius = HIGH_FREQUENCY * np.hypot(height // 2, width // 2)
    low = sum(
        float(edge[np.hypot(rows, column) <= radius].sum())
        for edge, column in zip(edges, columns, strict=False)
    )
    if pairs:
        middle = np.asarray(cv2.sqrt(middle), np.float32)
        total += 2 * cv2.sumElems(middle)[0]
        near, inside = _low_disc(height, pairs, float(radius))
        low += 2 * float(middle[near, : inside.shape[1]].sum(where=inside, dtype=np.float64))
    return max(0.0, 1 - low / total) if total > 0 else 0.0


def perceptual_hash(grey: Pixels) -> int:
    """64-bit pHash of (H, W) uint8: signs of the lowest cosine frequencies of a 32x32 copy.

    The copy averages areas and is rounded to whole values; signs are about the median of the 8x8 lowest
    frequencies. Bits are row by row, the first one highest.
    """
    shrunk = _row_means(grey) if min(grey.shape) >= _LARGE else grey
    small = np.round(cv2.resize(shrunk, (HASH_PIXELS, HASH_PIXELS), interpolation=cv2.INTER_AREA))
    lowest = cv2.dct(small.astype(np.float32))[:HASH_SIDE, :HASH_SIDE]
    return int.from_bytes(np.packbits(lowest > np.median(lowest)).tobytes())


def _row_means(grey: Pixels) -> Floats32:
    """Average (H, W) to (HASH_PIXELS, W) by areas: twice as fast as OpenCV, and no threads as BLAS starts them."""
    height = len(grey)
    edges = np.arange(HASH_PIXELS + 1) * (height / HASH_PIXELS)
    starts = np.ceil(edges).astype(int)
    sums = np.concatenate(
        [cv2.reduce(grey[a:b], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F) for a, b in pairwise(starts.tolist())]
    )
    # the part of an area's last row that lies in the next area
    beyond = (starts - edges)[1:-1, None].astype(np.float32) * grey[starts[1:-1] - 1]
    sums[:-1] -= beyond
    sums[1:] += beyond
    return np.asarray(sums * np.float32(HASH_PIXELS / height), np.float32)


def _unpack_column(packed: Floats32) -> npt.NDArray[np.float64]:
    """Magnitudes of a whole column from OpenCV's packed half: Re 0, Re 1, Im 1, Re 2, ... (Re of the middle)."""
    count, pairs = len(packed), (len(packed) - 1) // 2
    exact = packed.astype(np.float64)
    magnitude = np.empty(count)
    magnitude[0] = abs(exact[0])
    magnitude[1 : pairs + 1] = np.hypot(exact[1 : 2 * pairs + 1 : 2], exact[2 : 2 * pairs + 2 : 2])
    if count % 2 == 0:
        magnitude[count // 2] = abs(exact[-1])
    magnitude[count - pairs :] = magnitude[1 : pairs + 1][::-1]
    return magnitude


@lru_cache(maxsize=16)
def _low_disc(height: int, pairs: int, radius: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Rows within `radius`, and (rows, columns 1 to `radius`) whether a frequency lies in the disc."""
    rows = np.minimum(np.arange(height), height - np.arange(height))
    near = np.flatnonzero(rows <= radius)
    columns = np.arange(1, min(pairs, int(radius)) + 1)
    return near, rows[near, None] ** 2 + columns**2 <= radius**2
