"""Exact nearest neighbours in the vectors of an encoding, in blocks: memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError
from fext_engine.latents.distance import (
    BLOCK_BYTES,
    Bounds,
    Floats,
    Metric,
    Numbers,
    NumpyBounds,
    Vectors,
    exact_scores,
    to_distances,
)
from fext_engine.latents.encoding import Encoding

_QUERIES = 1024  # compared with a block at a time
_CROWD = 4  # candidates for each place that is sought, from which on it pays to find a tighter limit
_NO_ROW = np.iinfo(np.int64).max  # sorts behind every row

Progress = Callable[[int, int], None]
"""Called with how much is done and of how much; it may raise to stop."""


class Nearest(NamedTuple):
    """The nearest rows of each query, the nearest first."""

    rows: NDArray[np.int64]
    """(Q, k)"""
    distances: NDArray[np.float32]
    """(Q, k): 1 - cosine similarity, 0 to 2, or Euclidean."""


def nearest(
    vectors: Vectors,
    queries: Vectors,
    top: int,
    metric: Metric = "cosine",
    *,
    among: Numbers | None = None,
    block_bytes: int = BLOCK_BYTES,
    device: str | None = None,
    progress: Progress | None = None,
) -> Nearest:
    """The `top` rows of `vectors` (N, D) that are nearest to each of `queries` (Q, D); k = min(top, N).

    The result is exact: float32 matrix products only rule out what cannot be among the nearest by more than
    their rounding error, and the rest is compared in float64. Equal distances come in the order of the rows.
    `among` (M,) are ascending rows to search, instead of all. A vector of zeros has cosine distance 1 to every
    other; a row that is not finite comes last, infinitely far. `device` names a device of torch that computes the
    products, which pays for thousands of queries on a GPU. Raises FextError when a query is not finite.
    """
    dimensions = vectors.shape[1]
    rows = _Rows(vectors, among, block_bytes)
    top = min(top, len(rows))
    found = Nearest(np.empty((len(queries), top), np.int64), np.empty((len(queries), top), np.float32))
    step = max(1, min(_QUERIES, block_bytes // (4 * max(1, dimensions))))
    for start in range(0, len(queries), step) if top else ():
        part = np.asarray(queries[start : start + step], np.float32)
        if not np.isfinite(part).all():
            raise FextError("a vector that is searched for is not finite", "the run has diverged: train anew")
        bounds = open_bounds(part, metric, device)
        rows_of, scores = _nearest_of(rows, part, bounds, top, metric)
        found.rows[start : start + step] = rows_of
        found.distances[start : start + step] = to_distances(scores, metric)
        if progress:
            progress(min(start + step, len(queries)), len(queries))
    return found


def neighbours(encoding: Encoding, row: int, top: int, metric: Metric = "cosine") -> Nearest:
    """The nearest rows (1, k) to a row of the encoding, without the row itself; its copies stay."""
    vectors = encoding.vectors
    return without_row(nearest(vectors, vectors[row : row + 1], top + 1, metric), row, top)


def without_row(found: Nearest, row: int, top: int) -> Nearest:
    """The first `top` of one query's nearest (1, k), without `row`."""
    kept = np.flatnonzero(found.rows[0] != row)[:top]
    return Nearest(found.rows[:, kept], found.distances[:, kept])


def rank(vectors: Vectors, queries: Vectors, candidates: Numbers, top: int, metric: Metric) -> Nearest:
    """The `top` nearest of each query's `candidates` (Q, C), rows of `vectors`, by exact distance."""
    lines = np.repeat(np.arange(len(queries)), candidates.shape[1])
    rows = candidates.ravel()
    scores = exact_scores(queries, lines, vectors, rows, metric)
    order = np.lexsort((rows, scores, lines)).reshape(candidates.shape)[:, :top]
    return Nearest(rows[order].astype(np.int64), to_distances(scores[order], metric))


def open_bounds(queries: Floats, metric: Metric, device: str | None) -> Bounds:
    """Bounds for some queries by numpy, or by torch on `device`."""
    if device is None:
        return NumpyBounds(queries, metric)
    from fext_engine.latents.torch_bounds import TorchBounds

    return TorchBounds(queries, metric, device)


class _Rows:
    """The rows to search, a block at a time as float32; views of the file where it holds that."""

    def __init__(self, vectors: Vectors, among: Numbers | None, block_bytes: int) -> None:
        self.vectors, self.among, self.block_bytes = vectors, among, block_bytes

    def __len__(self) -> int:
        return len(self.vectors) if self.among is None else len(self.among)

    def blocks(self, queries: int) -> Iterator[tuple[Numbers, Floats]]:
        """Yield (row numbers, vectors), such that neither a block nor its bounds exceed block_bytes."""
        step = max(1, self.block_bytes // (4 * max(queries, self.vectors.shape[1], 1)))
        for start in range(0, len(self), step):
            end = min(start + step, len(self))
            if self.among is None:
                yield np.arange(start, end), np.asarray(self.vectors[start:end], np.float32)
            else:
                numbers = self.among[start:end]
                yield numbers, np.asarray(self.vectors[numbers], np.float32)


def _nearest_of(
    rows: _Rows, queries: Floats, bounds: Bounds, top: int, metric: Metric
) -> tuple[Numbers, Floats]:
    """Rows and scores (Q, top), the nearest first."""
    count = len(queries)
    best = np.full((count, top), _NO_ROW, np.int64)
    scores = np.full((count, top), np.inf, np.float32)
    for numbers, block in rows.blocks(count):
        lower = bounds.of(block)
        limits = scores[:, -1]
        most = _CROWD * top * count if len(block) > top else None
        pairs = bounds.within(lower, rounded_up(limits), most)
        if pairs is None:  # so many that the limits are loose, as in the first block
            lines = np.repeat(np.arange(count), top)
            places = bounds.smallest(lower, top).ravel()
            tried = exact_scores(queries, lines, block, places, metric, block_bytes=rows.block_bytes)
            limits = np.minimum(limits, tried.reshape(count, top).max(axis=1))
            pairs = bounds.within(lower, rounded_up(limits))
        assert pairs is not None
        lines, places = pairs
        if not len(lines):
            continue
        exact = exact_scores(queries, lines, block, places, metric, block_bytes=rows.block_bytes)
        lines = np.concatenate([np.repeat(np.arange(count), top), lines])
        found = np.concatenate([scores.ravel(), exact])
        numbered = np.concatenate([best.ravel(), numbers[places]])
        order = np.lexsort((numbered, found, lines))
        firsts = np.searchsorted(lines[order], np.arange(count))
        kept = order[firsts[:, None] + np.arange(top)]
        best, scores = numbered[kept], found[kept]
    return best, scores


def rounded_up(limits: Floats) -> Floats:
    """The next larger float32, so that rounding a score rules nothing out."""
    return np.nextafter(limits, np.float32(np.inf))
