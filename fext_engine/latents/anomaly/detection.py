"""How well a score tells anomalies from normal images: AUROC and average precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def auroc(scores: NDArray[np.floating], anomalous: NDArray[np.bool_]) -> float:
    """Probability that an anomaly's score is above a normal's, ties counting half; 0.5 is chance, 1 perfect.

    The Mann-Whitney U statistic over the number of pairs. NaN unless there are both kinds.
    """
    positive = int(anomalous.sum())
    negative = len(anomalous) - positive
    if not positive or not negative:
        return float("nan")
    ranks = rankdata(scores)  # ties have their mean rank
    return float((ranks[anomalous].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(scores: NDArray[np.floating], anomalous: NDArray[np.bool_]) -> float:
    """The sum over thresholds of precision times gain in recall, without interpolation; tied scores are one
    threshold. A score that knows nothing has the share of anomalies. NaN when there is none."""
    positive = int(anomalous.sum())
    if not positive:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(anomalous[order])
    last = np.append(np.diff(scores[order]) != 0, True)  # the end of each group of ties
    found, taken = found[last], np.flatnonzero(last) + 1
    gained = np.diff(found, prepend=0)
    return float((found / taken * gained).sum() / positive)


class PixelCurve:
    """AUROC over the pixels of any number of float16 maps, exact and in constant memory: a count for each value."""

    def __init__(self) -> None:
        self._counts = np.zeros((2, 2**16), np.int64)
        self.images = 0

    def add(self, heat: NDArray[np.float16], anomalous: NDArray[np.bool_]) -> None:
        """Count a map (H, W) with its mask. Its values are not negative: their order is that of their bits."""
        bits = heat.view(np.uint16)
        for kind, chosen in enumerate((~anomalous, anomalous)):
            self._counts[kind] += np.bincount(bits[chosen], minlength=2**16)
        self.images += 1

    def __add__(self, other: PixelCurve) -> PixelCurve:
        both = PixelCurve()
        both._counts, both.images = self._counts + other._counts, self.images + other.images
        return both

    @property
    def auroc(self) -> float:
        """As of `auroc`, an anomalous pixel against a normal one."""
        normal, anomalous = self._counts
        pairs = float(normal.sum()) * float(anomalous.sum())
        below = np.cumsum(normal) - normal / 2
        return float((anomalous * below).sum() / pairs) if pairs else float("nan")
