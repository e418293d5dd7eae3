"""Where a reconstruction differs from its original, as a picture and as figures; numpy alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

RANGES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Errors that the brightest colour may stand for: few, so that the maps of a run's epochs compare."""

_SHARE = 0.99  # of the pixels lie within the range that is chosen

# Every 17th colour of matplotlib's magma (Smith and van der Walt, CC0); what lies between differs by 3 of 255.
_MAGMA = np.array(
    (
        (0, 0, 4), (11, 9, 36), (32, 17, 75), (59, 15, 112), (87, 21, 126), (114, 31, 129), (140, 41, 129),
        (168, 50, 125), (196, 60, 117), (222, 73, 104), (241, 96, 93), (250, 127, 94), (254, 159, 109),
        (254, 191, 132), (253, 222, 160), (252, 253, 191),
    )
)  # fmt: skip
_STEPS = np.linspace(0, 255, len(_MAGMA))
COLOURS: Pixels = (
    np.stack([np.interp(np.arange(256), _STEPS, c) for c in _MAGMA.T], -1).round().astype(np.uint8)
)
"""(256, 3): from black over purple and orange to pale yellow."""


@dataclass(frozen=True)
class ErrorMap:
    """The difference of two images, on the scale where white is 1."""

    pixels: Pixels
    """uint8 (H, W, 3): black for no error, pale yellow for `top` and beyond."""
    top: float
    """One of RANGES: the smallest that holds 99 % of the pixels."""
    largest: float
    """The largest error of a pixel, its mean over the channels."""
    mae: float
    psnr: float
    """dB for a peak of 1, at most 100."""


def error_map(original: Pixels, reconstruction: Pixels) -> ErrorMap:
    """Compare two images, uint8 (H, W, 3) each."""
    difference = (original.astype(np.float32) - reconstruction.astype(np.float32)) / 255
    error = np.abs(difference).mean(-1)
    within = float(np.quantile(error, _SHARE))
    top = next(r for r in RANGES if within <= r or r == RANGES[-1])
    shades = np.clip(error / top * 255, 0, 255).round().astype(np.uint8)
    psnr = -10 * math.log10(max(1e-10, float(np.square(difference).mean())))
    return ErrorMap(COLOURS[shades], top, float(error.max()), float(error.mean()), psnr)
