"""Every measure of one image, from one decode: statistics, noise, sharpness, colour, texture, hash."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fext_engine.images.bands import NOISE_SCALE, BandSums, sum_bands
from fext_engine.images.decode import Pixels
from fext_engine.images.measures import CHANNELS, MEASURE_NAMES
from fext_engine.images.spectrum import high_frequency_share, perceptual_hash

Floats = npt.NDArray[np.float64]

DARK_BELOW, BRIGHT_ABOVE = 10, 245  # grey values of the exposure shares
CANNY_LOW, CANNY_HIGH = 0.67, 1.33  # times the median grey value


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
    Beside `pixels` it takes about 9 bytes a pixel.
    """
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    # both 3x3 Sobel derivatives
    across, down = (np.asarray(plane, np.int16) for plane in cv2.spatialGradient(grey))
    sums = sum_bands(pixels, grey, across, down)
    found = _distribution(sums.grey)
    found |= _exposure(sums.grey)
    for name, counts in zip(CHANNELS, sums.channels, strict=True):
        found |= {f"{name}_{key}": value for key, value in _distribution(counts).items()}
    found |= _sharpness(sums, found["std"]) | _colour(sums) | _texture(sums.patterns)
    edges = cv2.Canny(across, down, CANNY_LOW * found["median"], CANNY_HIGH * found["median"])
    found["edge_density"] = cv2.countNonZero(edges) / grey.size
    del across, down, edges  # the spectrum takes as much memory again
    found["high_frequency_share"] = high_frequency_share(grey)
    values = np.array([found[name] for name in MEASURE_NAMES])
    return Measured(values, sums.channels.astype(np.uint32), perceptual_hash(grey))


def _distribution(counts: Floats) -> dict[str, float]:
    """Location and spread from the pixels per value 0 to 255."""
    levels = np.arange(256.0)
    total = counts.sum()
    lower, upper = np.searchsorted(np.cumsum(counts), [(total + 1) // 2, total // 2 + 1])
    present = np.flatnonzero(counts)
    mean = float(counts @ levels / total)
    return {
        "mean": mean,
        "median": (int(lower) + int(upper)) / 2,
        "std": float(np.sqrt(counts @ (levels - mean) ** 2 / total)),
        "minimum": float(present[0]),
        "maximum": float(present[-1]),
        "range": float(present[-1] - present[0]),
    }


def _exposure(counts: Floats) -> dict[str, float]:
    total = counts.sum()
    return {
        "dark_share": float(counts[:DARK_BELOW].sum() / total),
        "bright_share": float(counts[BRIGHT_ABOVE + 1 :].sum() / total),
        "entropy": _entropy(counts),
    }


def _entropy(counts: Floats) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(max(0.0, -(shares @ np.log2(shares))))


def _sharpness(sums: BandSums, std: float) -> dict[str, float]:
    n = sums.pixels
    noise = float(np.sqrt(_variance(n, sums.noise, sums.noise_squares))) / NOISE_SCALE
    return {
        "noise_std": noise,
        "noise_ratio": noise / std if std > 0 else 0.0,
        "laplacian_variance": _variance(n, sums.laplacian, sums.laplacian_squares),
        "tenengrad": sums.gradient_squares / n,
        "gradient_mean": sums.gradient / n,
    }


def _colour(sums: BandSums) -> dict[str, float]:
    """Colourfulness after Hasler and Suesstrunk (2003), and HSV saturation in 8 bits.

    The opponent colours are rg = R - G and yb = (R + G) / 2 - B. As 2 yb = (R - B) + (G - B), its squares
    follow from those of the channels' differences.
    """
    n = sums.pixels
    red, green, blue = (int(counts @ np.arange(256.0)) for counts in sums.channels)
    rg, yb2 = red - green, red + green - 2 * blue
    rg_squares, rb_squares, gb_squares = sums.difference_squares
    spread = _variance(n, rg, rg_squares) + _variance(n, yb2, 2 * (rb_squares + gb_squares) - rg_squares) / 4
    return {
        "colourfulness": float(np.sqrt(spread) + 0.3 * np.hypot(rg / n, yb2 / (2 * n))),
        "saturation_mean": sums.saturation / (255 * n),
        "low_saturation_share": sums.low_saturation / n,
        "high_saturation_share": sums.high_saturation / n,
    }


def _variance(n: int, total: int, squares: int) -> float:
    """Variance of n whole numbers from their sum and the sum of their squares, without cancellation."""
    return (n * squares - total**2) / n**2


def _texture(patterns: Floats) -> dict[str, float]:
    total = patterns.sum()
    if total == 0:  # no inner pixel: one flat pattern
        return {"lbp_energy": 1.0, "lbp_entropy": 0.0}
    shares = patterns / total
    return {"lbp_energy": float(shares @ shares), "lbp_entropy": _entropy(patterns)}
