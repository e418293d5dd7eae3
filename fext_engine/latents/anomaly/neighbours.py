"""Distance to the nearest normal vectors, an image's own copies left out."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES = 2**26


class Nearest(NamedTuple):
    """The nearest vectors of each query, the nearest first."""

    rows: NDArray[np.int64]
    """(Q, k)"""
    distances: NDArray[np.float32]
    """(Q, k)"""


def neighbour_distance(
    reference: NDArray[Any],
    queries: NDArray[Any],
    own: NDArray[np.int64],
    others: NDArray[np.int64],
    neighbours: int,
) -> NDArray[np.float64]:
    """Mean Euclidean distance of each of `queries` (Q, D) to its nearest in `reference` (N, D): (Q,).

    `own` (Q,) and `others` (N,) number the files' contents: a neighbour of the same content does not count,
    so that an image of the reference is judged by the rest of it (leave one out).
    """
    copies = int(np.unique(others, return_counts=True)[1].max())
    found = nearest(reference, queries, min(len(reference), neighbours + copies))
    foreign = others[found.rows] != own[:, None]
    taken = foreign & (np.cumsum(foreign, axis=1) <= neighbours)
    total = np.where(taken, found.distances, 0).sum(1, dtype=np.float64)
    mean = np.full(len(queries), np.nan)
    np.divide(total, taken.sum(1), out=mean, where=taken.any(1))
    return mean


def nearest(
    vectors: NDArray[Any], queries: NDArray[Any], top: int, metric: Literal["euclidean"] = "euclidean"
) -> Nearest:
    """The `top` rows of `vectors` (N, D) nearest to each of `queries` (Q, D), in blocks of N; top is at most N.

    The nearest of the float32 products are compared again without their rounding error.
    """
    asked = np.asarray(queries, np.float32)
    best = np.empty((len(asked), 0), np.int64)
    scores = np.empty((len(asked), 0), np.float32)
    step = max(1, _BLOCK_BYTES // (4 * max(len(asked), vectors.shape[1])))
    for start in range(0, len(vectors), step):
        block = np.asarray(vectors[start : start + step], np.float32)
        squared = np.square(block).sum(1) - 2 * asked @ block.T  # but for what all rows have in common
        rows = np.broadcast_to(np.arange(start, start + len(block)), squared.shape)
        best, scores = np.concatenate([best, rows], 1), np.concatenate([scores, squared], 1)
        if best.shape[1] > top:
            kept = np.argpartition(scores, top - 1, axis=1)[:, :top]
            best, scores = np.take_along_axis(best, kept, 1), np.take_along_axis(scores, kept, 1)
    distances = np.stack(
        [np.linalg.norm(np.asarray(vectors[r], np.float32) - q, axis=1) for r, q in zip(best, asked, strict=True)]
    )
    order = np.argsort(distances, axis=1, kind="stable")
    return Nearest(np.take_along_axis(best, order, 1), np.take_along_axis(distances, order, 1))
