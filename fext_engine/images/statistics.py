"""Every measure of one image, from one decode: statistics, noise, sharpness, colour, texture, hash."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import scipy.fft

from fext_engine.images.decode import Pixels
from fext_engine.images.measures import MEASURE_NAMES

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

DARK_BELOW, BRIGHT_ABOVE = 10, 245  # grey values of the exposure shares
LOW_SATURATION, HIGH_SATURATION = 0.1, 0.9
CANNY_LOW, CANNY_HIGH = 0.67, 1.33  # times the median grey value
HIGH_FREQUENCY = 0.25  # of the largest radius in the spectrum
HASH_SIDE, HASH_PIXELS = 8, 32


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers of one image."""

    values: Floats
    """(len(MEASURES),) float64, in the order of `fext_engine.images.measures.MEASURES`."""
    histogram: npt.NDArray[np.uint32]
    """(3, 256): how many pixels have each value of red, green and blue."""
    perceptual_hash: int
    """64-bit pHash; similar pictures differ in few bits."""


def measure_image(pixels: Pixels) -> Measured:
    """Measure a full-size uint8 (H, W, 3) RGB image; about as much work as decoding it twice.

    Grey is BT.601, rounded to whole values. Neighbourhoods at the border are mirrored without repeating
    the edge (OpenCV's BORDER_DEFAULT), save for the local binary patterns, which leave the border out.
    """
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    exact = grey.astype(np.float32)
    counts = _count(grey)
    histogram = np.stack([_count(pixels, channel) for channel in range(3)])
    statistics = _grey_statistics(counts)
    found = statistics | _channel_statistics(histogram) | _noise(exact, statistics["std"])
    found |= _sharpness_and_edges(grey, statistics["median"])
    found["high_frequency_share"] = high_frequency_share(exact)
    found |= _colour(pixels) | _texture(grey)
    values = np.array([found[name] for name in MEASURE_NAMES])
    return Measured(values, histogram.astype(np.uint32), perceptual_hash(grey))


def high_frequency_share(grey: Floats32) -> float:
    """Share, 0 to 1, of the Fourier magnitude beyond a quarter of the largest radius; (H, W) float32.

    Radii are counted in cycles per image from the spectrum's centre; the largest is the corner's.
    """
    height, width = grey.shape
    magnitude = np.abs(scipy.fft.rfft2(grey))
    # The real transform keeps half of the columns: all but the first (and the last of an even width) stand
    # for their mirror image too.
    magnitude[:, 1 : (width + 1) // 2] *= 2
    rows = np.fft.fftfreq(height, 1 / height)[:, None]
    columns = np.arange(magnitude.shape[1])[None, :]
    radius = HIGH_FREQUENCY * np.hypot(height // 2, width // 2)
    near = np.abs(rows[:, 0]) <= radius  # the low disc lies in few rows and columns: mask only those
    edge = int(radius) + 1
    block = magnitude[near, :edge]
    low = block[rows[near] ** 2 + columns[:, :edge] ** 2 <= radius**2].sum(dtype=np.float64)
    total = magnitude.sum(dtype=np.float64)
    return float(max(0.0, 1 - low / total)) if total > 0 else 0.0


def perceptual_hash(grey: Pixels) -> int:
    """64-bit pHash of (H, W) uint8: signs of the 8x8 lowest cosine frequencies of a 32x32 copy, about their median.

    Bits are row by row, the first one highest.
    """
    small = cv2.resize(grey, (HASH_PIXELS, HASH_PIXELS), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small.astype(np.float32))[:HASH_SIDE, :HASH_SIDE]
    return int.from_bytes(np.packbits(lowest > np.median(lowest)).tobytes())


def local_binary_patterns(grey: Pixels) -> Pixels:
    """Return the 8-neighbour code of every inner pixel, (H - 2, W - 2) uint8; a bit says neighbour >= centre.

    Bits from the lowest: left, lower left, below, lower right, right, upper right, above, upper left.
    """
    height, width = grey.shape
    flat = np.ascontiguousarray(grey).ravel()
    # One long row is several times as fast as many short ones; what wraps around falls on the cut border.
    first, last = width + 1, (height - 1) * width - 1
    centre = flat[first:last]
    codes = np.zeros(centre.shape, np.uint8)
    for offset in (-width - 1, -width, -width + 1, 1, width + 1, width, width - 1, -1):
        codes += codes
        codes |= (flat[first + offset : last + offset] >= centre).view(np.uint8)
    padded = np.append(codes, np.zeros(2, np.uint8)).reshape(height - 2, width)
    return padded[:, : width - 2]


def _count(image: Pixels, channel: int = 0) -> Floats:
    """Pixels per value 0 to 255 of one channel."""
    return cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel().astype(np.float64)


def _moments(counts: Floats) -> tuple[float, float]:
    """Mean and standard deviation from counts per value."""
    levels = np.arange(256.0)
    total = counts.sum()
    mean = float(counts @ levels / total)
    return mean, float(np.sqrt(counts @ (levels - mean) ** 2 / total))


def _entropy(counts: Floats) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(max(0.0, -(shares @ np.log2(shares))))


def _grey_statistics(counts: Floats) -> dict[str, float]:
    total = counts.sum()
    cumulative = np.cumsum(counts)
    lower, upper = np.searchsorted(cumulative, [(total + 1) // 2, total // 2 + 1])
    present = np.flatnonzero(counts)
    mean, std = _moments(counts)
    return {
        "mean": mean,
        "median": (int(lower) + int(upper)) / 2,
        "std": std,
        "minimum": float(present[0]),
        "maximum": float(present[-1]),
        "range": float(present[-1] - present[0]),
        "dark_share": float(counts[:DARK_BELOW].sum() / total),
        "bright_share": float(counts[BRIGHT_ABOVE + 1 :].sum() / total),
        "entropy": _entropy(counts),
    }


def _channel_statistics(histogram: Floats) -> dict[str, float]:
    found = {}
    for name, counts in zip(("red", "green", "blue"), histogram, strict=True):
        found[f"{name}_mean"], found[f"{name}_std"] = _moments(counts)
    return found


def _noise(grey: Floats32, std: float) -> dict[str, float]:
    noise = _mean_std(grey - cv2.GaussianBlur(grey, (3, 3), 0))[1]
    return {"noise_std": noise, "noise_ratio": noise / std if std > 0 else 0.0}


def _sharpness_and_edges(grey: Pixels, median: float) -> dict[str, float]:
    across, down = cv2.spatialGradient(grey)  # both 3x3 Sobel derivatives, int16
    # whole numbers below 2^24, exact in float32; cv2.magnitude would round by the memory's alignment
    squared = across.astype(np.float32) ** 2 + down.astype(np.float32) ** 2
    edges = cv2.Canny(across, down, CANNY_LOW * median, CANNY_HIGH * median)
    laplacian = np.asarray(cv2.Laplacian(grey, cv2.CV_16S), np.int16)
    return {
        "laplacian_variance": _mean_std(laplacian)[1] ** 2,
        "tenengrad": cv2.sumElems(squared)[0] / grey.size,
        "gradient_mean": cv2.sumElems(np.sqrt(squared))[0] / grey.size,
        "edge_density": cv2.countNonZero(edges) / grey.size,
    }


def _colour(pixels: Pixels) -> dict[str, float]:
    """Colourfulness after Hasler and Suesstrunk (2003), and HSV saturation in 8 bits."""
    red, green, blue = (plane.astype(np.int16) for plane in cv2.split(pixels))
    rg_mean, rg_std = _mean_std(red - green)
    yb_mean, yb_std = (x / 2 for x in _mean_std(red + green - 2 * blue))
    counts = _count(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), np.uint8), 1)
    saturation, total = np.arange(256.0) / 255, counts.sum()
    return {
        "colourfulness": float(np.hypot(rg_std, yb_std) + 0.3 * np.hypot(rg_mean, yb_mean)),
        "saturation_mean": float(counts @ saturation / total),
        "low_saturation_share": float(counts[saturation < LOW_SATURATION].sum() / total),
        "high_saturation_share": float(counts[saturation > HIGH_SATURATION].sum() / total),
    }


def _mean_std(plane: npt.NDArray[np.int16] | Floats32) -> tuple[float, float]:
    """Mean and standard deviation of signed values around zero, faster than cv2.meanStdDev.

    The sums are OpenCV's, in double precision: BLAS gives other last digits with other numbers of threads.
    """
    exact = plane.astype(np.float32, copy=False)
    mean = cv2.sumElems(exact)[0] / exact.size
    square = cv2.norm(exact, cv2.NORM_L2SQR) / exact.size
    return mean, float(np.sqrt(max(0.0, square - mean**2)))


def _texture(grey: Pixels) -> dict[str, float]:
    if min(grey.shape) < 3:  # no inner pixel: one flat pattern
        return {"lbp_energy": 1.0, "lbp_entropy": 0.0}
    counts = _count(np.ascontiguousarray(local_binary_patterns(grey)))
    shares = counts / counts.sum()
    return {"lbp_energy": float(shares @ shares), "lbp_entropy": _entropy(counts)}
