"""Tiny copies of images, kept in the database so that mean images of any set of files need no file again."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fext_engine.images.decode import Pixels

SIDE = 24
"""Pixels: enough for a mean image, which is blurred anyway; two thumbnails fit a page of the database."""

_ENOUGH = 4 * SIDE  # pixels of the shorter side that the exact averaging starts from


def make_thumbnail(pixels: Pixels) -> bytes:
    """Squeeze uint8 (H, W, 3) RGB to SIDE x SIDE, whatever its shape, as SIDE * SIDE * 3 raw bytes.

    Large images are thinned first, each point the mean of four pixels: three times as fast as averaging
    all, and what it costs in exactness averages out over a set.
    """
    height, width = pixels.shape[:2]
    step = min(height, width) // _ENOUGH
    if step > 1:
        pixels = np.asarray(cv2.resize(pixels, (width // step, height // step)), np.uint8)
    return np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8).tobytes()


def read_thumbnail(packed: bytes) -> npt.NDArray[np.uint8]:
    """Return the (SIDE, SIDE, 3) uint8 RGB of `make_thumbnail`."""
    return np.frombuffer(packed, np.uint8).reshape(SIDE, SIDE, 3)
