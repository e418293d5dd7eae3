"""Near-duplicates in latent space: rows that a chain of small distances connects, in blocks of pairs."""

from __future__ import annotations

import numpy as np

from fext_engine.forest import Forest, Labels
from fext_engine.latents.distance import BLOCK_BYTES, Metric, Numbers, Vectors, exact_scores, to_distances
from fext_engine.latents.search import Progress, open_bounds, rounded_up

_QUERIES = 1024
_SAMPLE = 2000  # pairs at random: their median is within some 3 percent of ranks
_FRACTION = 0.1  # of a typical distance, below which two images are taken for the same


def default_threshold(vectors: Vectors, metric: Metric = "cosine") -> float:
    """A tenth of the median distance of pairs chosen at random, for cosine a hundredth.

    Rows at random are of different images, however many have copies. The cosine distance grows as the square of the
    angle, so that a hundredth of it is a tenth of the angle.
    """
    rng = np.random.default_rng(0)
    rows = rng.integers(0, max(1, len(vectors)), (2, _SAMPLE))
    rows = rows[:, rows[0] != rows[1]]
    if not rows.size:
        return 0.0
    scores = exact_scores(vectors, rows[0], vectors, rows[1], metric)
    typical = float(np.median(to_distances(scores, metric)))
    share = _FRACTION**2 if metric == "cosine" else _FRACTION
    return share * typical if np.isfinite(typical) else 0.0


def groups(
    vectors: Vectors,
    threshold: float,
    metric: Metric = "cosine",
    *,
    device: str | None = None,
    progress: Progress | None = None,
) -> list[Numbers]:
    """Groups of two rows or more of (N, D) that steps of at most `threshold` connect, the largest group first.

    Each is an array of ascending rows. Every pair is compared, N^2 D operations, and what cannot be decided in
    float32 is decided in float64. Memory does not grow with the pairs; pairs within a group that is known already are
    passed over. `device` and `progress` are as for `nearest`.
    """
    count, dimensions = vectors.shape
    forest = Forest(count)
    limit = np.float32(threshold if metric == "cosine" else threshold**2)
    queries = max(1, min(_QUERIES, BLOCK_BYTES // (4 * max(1, dimensions))))
    for start in range(0, count, queries):
        end = min(start + queries, count)
        part = np.asarray(vectors[start:end], np.float32)
        finite = np.isfinite(part).all(axis=1)
        if finite.any():
            part, numbers = part[finite], np.arange(start, end)[finite]
            bounds = open_bounds(part, metric, device)
            limits = rounded_up(np.full(len(part), limit))
            step = max(1, BLOCK_BYTES // (4 * max(queries, dimensions)))
            for first in range(start, count, step):
                block = np.asarray(vectors[first : first + step], np.float32)
                labels = forest.labels()
                if _are_one(labels, numbers, slice(first, first + len(block))):
                    continue
                pairs = bounds.within(bounds.of(block), limits)
                assert pairs is not None
                _link(forest, vectors, (numbers[pairs[0]], pairs[1] + first), limit, metric)
        if progress:
            progress(end, count)
    return _members(forest.labels())


def _are_one(labels: Labels, numbers: Numbers, block: slice) -> bool:
    one = labels[numbers[0]]
    return bool((labels[block] == one).all() and (labels[numbers] == one).all())


def _link(
    forest: Forest, vectors: Vectors, pairs: tuple[Numbers, Numbers], limit: np.float32, metric: Metric
) -> None:
    """Link the pairs that are near, some at a time: most pairs of a crowd are in one group before their turn."""
    a, b = pairs
    a, b = a[a < b], b[a < b]
    step = max(1, BLOCK_BYTES // (24 * max(1, vectors.shape[1])))
    while len(a):
        labels = forest.labels()
        open_pairs = labels[a] != labels[b]
        a, b = a[open_pairs], b[open_pairs]
        tried, others = (a[:step], b[:step]), (a[step:], b[step:])
        near = exact_scores(vectors, tried[0], vectors, tried[1], metric) <= limit
        forest.link(tried[0][near], tried[1][near])
        a, b = others


def _members(labels: Labels) -> list[Numbers]:
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    found = [rows for rows in np.split(order, cuts) if len(rows) > 1]
    return sorted(found, key=lambda rows: (-len(rows), rows[0]))
