"""Distances between vectors: quick lower bounds of many by matrix product, and exact ones of a few."""

from __future__ import annotations

from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

Metric = Literal["cosine", "euclidean"]
METRICS: tuple[Metric, ...] = get_args(Metric)

Vectors = NDArray[Any]
"""(N, D), float16 or float32; often mapped from a file."""
Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

BLOCK_BYTES = 8 * 2**20
"""About what each of the few arrays at work takes."""

_TINY = np.finfo(np.float32).tiny
_ROUNDING = 2.0**-24  # float32's unit roundoff
_CERTAINTY = 8.0  # lambda of Higham and Mary: the bound fails with probability 2 exp(-32)


class Bounds(Protocol):
    """Lower bounds of the scores between some queries (Q, D) and blocks of rows, wherever they are computed.

    A score orders as the distance does: the cosine distance itself, or the squared Euclidean one.
    """

    def of(self, block: Floats) -> Any:
        """A (Q, B) matrix of bounds for a block (B, D); infinite for rows that are not finite."""

    def smallest(self, bounds: Any, count: int) -> Numbers:
        """(Q, count): in each line the places of the `count` smallest bounds, in no order."""

    def within(self, bounds: Any, limits: Floats, most: int | None = None) -> tuple[Numbers, Numbers] | None:
        """The (lines, places) of the bounds up to each line's limit (Q,); None where there are more than `most`."""


class NumpyBounds:
    """Bounds by numpy's BLAS, on the processor."""

    def __init__(self, queries: Floats, metric: Metric) -> None:
        self._metric = metric
        self._slack = rounding_slack(queries.shape[1])
        # One query moves to the origin, where its distances are plain lengths and nothing cancels.
        self._origin = queries.mean(0)
        moved = queries if metric == "cosine" else queries - self._origin
        squares = squared_lengths(moved)
        self._queries = moved * inverse_lengths(squares)[:, None] if metric == "cosine" else moved * -2
        self._squares = squares

    def of(self, block: Floats) -> Floats:
        with np.errstate(invalid="ignore", over="ignore"):
            block = block if self._metric == "cosine" else block - self._origin
            squares = squared_lengths(block)
            bounds: Floats = self._queries @ block.T
            if self._metric == "cosine":
                bounds *= -inverse_lengths(squares)
                bounds += np.float32(1 - self._slack)
            else:
                shrunk = np.float32(1 - 2 * self._slack)
                bounds += squares * shrunk
                bounds += (self._squares * shrunk)[:, None]
            odd = ~np.isfinite(squares)
            if odd.any():
                bounds[:, odd] = np.inf
        return bounds

    def smallest(self, bounds: Floats, count: int) -> Numbers:
        return np.argpartition(bounds, count - 1, axis=1)[:, :count]

    def within(
        self, bounds: Floats, limits: Floats, most: int | None = None
    ) -> tuple[Numbers, Numbers] | None:
        near = bounds <= limits[:, None]
        if most is not None and np.count_nonzero(near) > most:
            return None
        lines, places = np.divmod(np.flatnonzero(near), bounds.shape[1])
        return lines, places


def rounding_slack(dimensions: int) -> float:
    """How far a float32 dot product of unit vectors may be off: lambda sqrt(D) u.

    After Higham and Mary, "A new approach to probabilistic rounding error analysis", SIAM J. Sci. Comput. 41
    (2019), theorem 3.1.
    """
    return float(_CERTAINTY * np.sqrt(max(1, dimensions)) * _ROUNDING)


def squared_lengths(vectors: Floats) -> Floats:
    """(N,) squared Euclidean lengths of (N, D)."""
    return np.asarray(np.einsum("ij,ij->i", vectors, vectors))


def inverse_lengths(squares: Floats) -> Floats:
    """(N,) one over each length; 0 for a vector of (nearly) zeros, which has no direction."""
    return np.where(squares > _TINY, 1 / np.sqrt(np.maximum(squares, _TINY)), 0).astype(squares.dtype)


def exact_scores(
    left: Vectors,
    lines: Numbers,
    right: Vectors,
    places: Numbers,
    metric: Metric,
    *,
    block_bytes: int = BLOCK_BYTES,
) -> Floats:
    """Scores (P,) between left[lines] and right[places], computed in float64, about block_bytes at a time.

    Equal vectors, and for cosine also those that differ in length alone, have exactly 0. A vector of zeros has
    cosine similarity 0 with every other, thus distance 1. One that is not finite is infinitely far from all.
    """
    scores = np.empty(len(lines), np.float32)
    step = max(1, block_bytes // (24 * max(1, left.shape[1])))
    for start in range(0, len(lines), step):
        part = slice(start, start + step)
        a, b = left[lines[part]].astype(np.float64), right[places[part]].astype(np.float64)
        scores[part] = _pair_scores(a, b, metric)
    return scores


def _pair_scores(a: NDArray[np.float64], b: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    lengths = [np.einsum("ij,ij->i", side, side) for side in (a, b)]
    with np.errstate(invalid="ignore", over="ignore"):
        if metric == "cosine":
            # Half the squared distance of unit vectors is 1 - cos, without the cancellation near 0.
            a, b = (
                side / np.sqrt(np.maximum(length, _TINY))[:, None]
                for side, length in zip((a, b), lengths, strict=True)
            )
        difference = a - b
        scores = np.einsum("ij,ij->i", difference, difference)
        if metric == "cosine":
            scores = np.where(scores < 1e-24, 0, scores / 2)  # rounding of the two divisions
            scores = np.where(np.minimum(*lengths) > _TINY, scores, 1)
        # What float32 cannot square is not finite for the bounds either.
        finite = np.maximum(*lengths) <= np.finfo(np.float32).max
    return np.where(finite, scores, np.inf)


def to_distances(scores: Floats, metric: Metric) -> Floats:
    """Scores as distances."""
    return scores if metric == "cosine" else np.sqrt(scores)
