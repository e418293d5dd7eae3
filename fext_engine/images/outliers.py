"""Images far from the rest in some measure, by robust z: which measure, which way, how far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from fext_engine.images.measures import MEASURES, Measure

Floats = npt.NDArray[np.float64]

JUDGED = tuple(measure for measure in MEASURES if measure.direction)
"""Measures with an end that is worth a look."""
FEWEST = 20  # images: of fewer none is far from "the rest"
RARE_SHARE, RARE_COUNT = (
    0.015,
    4,
)  # more beyond the limit than both are a shape of the distribution, no outliers
_SHARE_FLOOR = 1e-4  # shares below are as good as none
_BITS_CEILING = 8.2  # just above the largest entropy of 256 values, so that its logarithm stays finite


@dataclass(frozen=True, slots=True)
class Robust:
    """Middle and spread of one measure, on the scale where it is nearest to symmetric."""

    measure: Measure
    ordered: Floats
    """The values of the dataset or of a random part of it, ascending."""
    floor: float
    """What zeros count as on a logarithmic scale."""
    middle: float
    """The median."""
    median: float
    """The median on that scale."""
    spread: float
    """Median absolute deviation; 0 where percentiles decide: see `robust`."""

    def z(self, values: Floats) -> Floats:
        """0.6745 (x - median) / MAD (Iglewicz and Hoaglin 1993), or the normal quantile of the percentile."""
        if self.spread > 0:
            return 0.6745 * (scaled(self.measure, values, self.floor) - self.median) / self.spread
        least = 0.5 / len(self.ordered)  # of a sample: no value is beyond all others for certain
        shares = np.clip(percentile(self.ordered, values) / 100, least, 1 - least)
        return np.fromiter(map(NormalDist().inv_cdf, shares.tolist()), np.float64, len(shares))


def robust(measure: Measure, ordered: Floats, limit: float) -> Robust:
    """Describe a measure from its ascending values (n,), n > 0.

    Where the MAD is 0, or where more values lie beyond `limit` than outliers can be (several humps, a heavy
    tail), z is meaningless: there the percentile decides, as if the ranks were those of a normal distribution.
    """
    positive = ordered[ordered > 0]
    floor = float(positive[0]) if len(positive) else 1.0
    values = scaled(measure, ordered, floor)
    median = float(np.median(values))
    spread = float(np.median(np.abs(values - median)))
    middle = float(np.median(ordered))
    found = Robust(measure, ordered, floor, middle, median, spread)
    if spread > 0 and beyond(found, ordered, limit).sum() > max(RARE_COUNT, RARE_SHARE * len(ordered)):
        found = replace(found, spread=0.0)
    return found


def beyond(scale: Robust, values: Floats, limit: float) -> npt.NDArray[np.bool_]:
    """Which values lie beyond `limit` on a side that is worth a look."""
    z, direction = scale.z(values), scale.measure.direction
    return ((z > limit) & (direction != "low")) | ((z < -limit) & (direction != "high"))


def scaled(measure: Measure, values: Floats, floor: float) -> Floats:
    """Skewed measures in logarithms, shares in log odds, entropies by the logarithm of what they lack."""
    if measure.skewed:
        return np.log(np.maximum(values, floor))
    if measure.unit == "share":
        shares = np.clip(values, _SHARE_FLOOR, 1 - _SHARE_FLOOR)
        return np.asarray(np.log(shares / (1 - shares)), np.float64)
    return -np.log(_BITS_CEILING - np.minimum(values, 8.0)) if measure.unit == "bits" else values


def percentile(ordered: Floats, values: Floats) -> Floats:
    """Where values stand among ascending ones, 0 to 100: the share that is smaller, and half of the equal ones."""
    below = np.searchsorted(ordered, values, "left")
    return 50.0 * (below + np.searchsorted(ordered, values, "right")) / len(ordered)


@dataclass(frozen=True, slots=True)
class Outliers:
    """The images of a window that are far from the rest."""

    places: npt.NDArray[np.intp]
    """Their rows in the window, (k,)."""
    z: Floats
    """(k,): the largest robust z by size, with its sign."""
    column: npt.NDArray[np.intp]
    """(k,): to which of JUDGED it belongs."""
    others: list[str]
    """(k): further measures in which the image is far from the rest, in words."""


def find_outliers(scales: list[Robust], values: Mapping[str, Floats], limit: float) -> Outliers:
    """Judge a window of images: `values` has a column (n,) for each of JUDGED; `scales` are in their order."""
    z = np.stack([scale.z(values[scale.measure.name]) for scale in scales], axis=1)
    far = np.stack([beyond(scale, values[scale.measure.name], limit) for scale in scales], axis=1)
    sizes = np.where(far, np.abs(z), -1)
    places = np.flatnonzero(far.any(axis=1))
    column = sizes[places].argmax(axis=1)
    others = [
        ", ".join(
            f"{JUDGED[other].name} {'high' if z[place, other] > 0 else 'low'}"
            for other in np.flatnonzero(far[place])
            if other != main
        )
        for place, main in zip(places, column, strict=True)
    ]
    return Outliers(places, z[places, column], column, others)
