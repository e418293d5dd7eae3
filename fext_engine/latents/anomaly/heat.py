"""Heat maps: where an image is unusual, and how that looks over it. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from fext_engine.evaluation.error_map import COLOURS

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_SMOOTHING = 1 / 32
"""Standard deviation of the blur of pixel errors, as a share of the image's height."""
_RARE = 0.999
"""Quantile of the normal images' pixels that has heat 1."""
_SHOWN = (0.5, 2.0)
"""Heat that begins to cover the image, and heat that is painted in the brightest colour."""
_COVER = 0.75


@dataclass(frozen=True)
class HeatScale:
    """What patches' distances and pixel errors are rare among normal images: each counts as heat 1."""

    distance: float
    error: float

    @classmethod
    def of(cls, distances: NDArray[Any], errors: NDArray[Any]) -> Self:
        """Of normal images: distances (N, h, w), held out, and pixel errors (N, H, W)."""
        smooth = np.stack([_smooth(error) for error in errors])
        rare = (float(np.quantile(values, _RARE)) for values in (distances, smooth))
        return cls(*(max(value, 1e-9) for value in rare))

    def heat(self, distances: NDArray[Any], error: NDArray[Any]) -> Floats:
        """The heat map (H, W) of one image, of its patches' distances (h, w) and its pixel errors (H, W).

        The geometric mean of both, each as a multiple of what is rare: pixel errors have fine detail, and
        patches know where errors are to be expected.
        """
        height, width = error.shape
        wide = cv2.resize(distances.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        product = np.maximum(wide, 0) / self.distance * (_smooth(error) / self.error)
        heat: Floats = np.sqrt(product, dtype=np.float32)
        return heat


def overlay(image: Pixels, heat: Floats) -> Pixels:
    """Draw a heat map (h, w) over an image (H, W, 3), uint8: a new one, with the heat stretched to its size."""
    height, width = image.shape[:2]
    wide = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
    low, high = _SHOWN
    share = np.clip((wide - low) / (high - low), 0, 1)
    colours = COLOURS[(255 * share).round().astype(np.uint8)].astype(np.float32)
    cover = (_COVER * np.clip(2 * share, 0, 1))[..., None]
    mixed: Pixels = (image * (1 - cover) + colours * cover).round().astype(np.uint8)
    return mixed


def _smooth(error: NDArray[Any]) -> Floats:
    sigma = error.shape[0] * _SMOOTHING
    smooth: Floats = np.asarray(cv2.GaussianBlur(error.astype(np.float32), (0, 0), sigma), np.float32)
    return smooth
