"""What a score means: where it lies among those of normal images that were scored as if they were new."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NORMAL_MAD = 1.4826
"""Standard deviations in a median absolute deviation, for a normal distribution."""

_BELOW = 2 / 3
"""Weight of a score below the normal ones. Measured: with 0, blurred copies and drawings among photographs rank
behind all photographs; with 1, slight defects of a product are found less often."""


def tail_probability(scores: Floats, normal: Floats) -> Floats:
    """Share of normal scores that are at least as high, the score itself counted in: (M,), above 0.

    A conformal p-value (Vovk, Gammerman and Shafer 2005): for one more normal image it is below a with a
    probability of at most a, whatever the distribution, as long as `normal` (n,) were held out.
    """
    ordered = np.sort(normal)
    above = len(ordered) - np.searchsorted(ordered, scores, side="left")
    tail: Floats = np.where(np.isnan(scores), np.nan, (above + 1) / (len(ordered) + 1))
    return tail


def threshold(normal: Floats, rate: float) -> float:
    """The score that one more normal image exceeds with a probability of at most `rate` (split conformal).

    The ceil((n + 1)(1 - rate))-th of the n normal scores; n must be at least 1 / rate - 1.
    """
    place = math.ceil((len(normal) + 1) * (1 - rate) - 1e-9)
    if place > len(normal):
        raise ValueError(f"{len(normal)} normal scores are too few for a rate of {rate:g}")
    return float(np.sort(normal)[place - 1])


@dataclass(frozen=True)
class Scale:
    """Middle and spread of a score's logarithm over normal images, so that different scores add up."""

    middle: float
    spread: float

    @classmethod
    def of(cls, normal: Floats) -> Scale:
        """By median and median absolute deviation, which anomalies among the normal images hardly move."""
        logs = _log(normal)
        middle = float(np.median(logs))
        deviation = _NORMAL_MAD * float(np.median(np.abs(logs - middle)))
        return cls(middle, max(deviation, 1e-9))

    def z(self, scores: Floats) -> Floats:
        """Robust z of scores (M,)."""
        return (_log(scores) - self.middle) / self.spread


def most_unusual(scores: Sequence[Floats], scales: Sequence[Scale]) -> tuple[Floats, NDArray[np.int64]]:
    """The largest robust z of several scores (M,) each, and which of them it is: (M,) and (M,).

    An image is as unusual as its most unusual score: each kind of anomaly moves only some of them. What is
    much plainer than any normal image, such as a blurred one, is reconstructed too well and lies close to the
    mean: a score far below the normal ones counts too, with less weight.
    """
    z = np.stack([scale.z(values) for values, scale in zip(scores, scales, strict=True)])
    z = np.maximum(z, -_BELOW * z)
    return z.max(0), z.argmax(0)


def _log(scores: Floats) -> Floats:
    return np.log(np.maximum(scores, 1e-12))
