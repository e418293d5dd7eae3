"""Do training and validation images differ? Effect sizes per measure, and whether chance explains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Verdict = Literal["none", "small", "drift"]

PERMUTATIONS = 1999  # the smallest p-value has to stay significant after the correction for all measures
MAX_PERMUTED = 4000  # images that the permutations run over: beyond that the power is ample, the time is not
SIGNIFICANT = 0.05  # false discovery rate
EFFECT = 0.1  # Kolmogorov-Smirnov distance from which a difference matters
PSI_BINS = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """How one measure differs between the two sides."""

    measure: str
    n_train: int
    n_validation: int
    ks: float
    """Kolmogorov-Smirnov distance D, 0 to 1: the largest gap between the cumulative shares."""
    wasserstein: float
    """Mean shift of mass, in standard deviations of both sides together."""
    psi: float
    """Population stability index over the training side's deciles."""
    p_value: float
    """Share of random divisions with at least this D."""
    q_value: float
    """`p_value` after Benjamini and Hochberg, over all measures."""
    verdict: Verdict
    """`drift`: significant and D >= EFFECT; `small`: significant alone; `none`: chance would do."""


def compare_sides(names: Sequence[str], train: Floats, validation: Floats, seed: int = 0) -> list[Drift]:
    """Compare (n, M) training values with (m, M) validation values, column by column.

    Effect sizes use every row; the p-values a random part of at most MAX_PERMUTED rows, for which the sides
    are divided anew PERMUTATIONS times. A fixed limit on an effect size alone misfires on small sets, a
    p-value alone on large ones, so the verdict asks for both. Both sides need at least one row.
    """
    generator = np.random.default_rng(seed)
    p_values = _permutation_p_values(train, validation, generator)
    q_values = control_false_discoveries(p_values)
    found = []
    for column, name in enumerate(names):
        a, b = train[:, column].astype(np.float64), validation[:, column].astype(np.float64)
        ks, q = ks_distance(a, b), float(q_values[column])
        found.append(
            Drift(
                name, len(a), len(b), ks, scaled_wasserstein(a, b), stability_index(a, b),
                float(p_values[column]), q, judge(q, ks),
            )
        )  # fmt: skip
    return found


def judge(q_value: float, ks: float) -> Verdict:
    """The verdict on a KS distance with this corrected p-value."""
    if q_value >= SIGNIFICANT:
        return "none"
    return "drift" if ks >= EFFECT else "small"


def control_false_discoveries(p_values: Floats) -> Floats:
    """The smallest false discovery rate at which each of (m,) tests is significant: Benjamini and Hochberg 1995."""
    order = np.argsort(p_values)
    scaled = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    found = np.empty(len(p_values))
    found[order] = np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1])
    return found


def ks_distance(a: Floats, b: Floats) -> float:
    """Kolmogorov-Smirnov distance of two samples, 0 to 1."""
    return float(_gaps(a, b)[1].max())


def scaled_wasserstein(a: Floats, b: Floats) -> float:
    """Wasserstein-1 distance over the standard deviation of both samples together; 0 when that is 0."""
    values, gaps = _gaps(a, b)
    spread = float(values.std())
    return float(gaps[:-1] @ np.diff(values)) / spread if spread > 0 else 0.0


def _gaps(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The values of both samples, ascending, and how far apart the cumulative shares are at each of them."""
    values = np.sort(np.concatenate([a, b]))
    shares = [np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (a, b)]
    return values, np.abs(shares[0] - shares[1])


def stability_index(expected: Floats, actual: Floats) -> float:
    """Population stability index over the deciles of `expected`; half a count is added to each bin.

    Equal deciles, as measures with many zeros have, are one bin.
    """
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    edges = edges[edges < max(expected.max(), actual.max())]  # nothing lies beyond the others
    counts = [
        np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1)
        for x in (expected, actual)
    ]
    p, q = ((c + 0.5) / (c.sum() + 0.5 * len(c)) for c in counts)
    return float(((p - q) * np.log(p / q)).sum())


def _permutation_p_values(train: Floats, validation: Floats, generator: np.random.Generator) -> Floats:
    """(M,) p-values of the KS distance, with the observed division counted as one of the permutations."""
    values = np.concatenate([train, validation])
    is_train = np.arange(len(values)) < len(train)
    if len(values) > MAX_PERMUTED:
        kept = generator.choice(len(values), MAX_PERMUTED, replace=False)
        # a side may be far smaller than the other, but never empty
        kept = np.union1d(kept, [0, len(train)])
        values, is_train = values[kept], is_train[kept]
    permuted = generator.permuted(np.tile(is_train, (PERMUTATIONS, 1)), axis=1)
    divisions = np.concatenate([is_train[None], permuted]).T
    # The gap between the cumulative shares, times both sides' numbers, goes up by the one at a training image
    # and down by the other at a validation image: whole numbers, so that equal distances are equal.
    steps = divisions.astype(np.int32, order="C") * np.int32(len(is_train)) - np.int32(is_train.sum())
    return np.array([_p_value(column, steps) for column in values.T])


def _p_value(values: Floats, steps: npt.NDArray[np.int32]) -> float:
    """Share of the divisions, columns of `steps`, with at least the distance of the first."""
    order = np.argsort(values, kind="stable")
    ends_tie = np.append(np.diff(values[order]) != 0, True)
    gap, largest = np.zeros_like(steps[0]), np.zeros_like(steps[0])
    for row, last in zip(
        order.tolist(), ends_tie.tolist(), strict=True
    ):  # row by row it all stays in the cache
        gap += steps[row]
        if last:
            np.maximum(largest, np.abs(gap), out=largest)
    return float(np.mean(largest >= largest[0]))
