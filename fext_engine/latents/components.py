"""Principal components of vectors that are too many for memory: streamed, deterministic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fext_engine.latents.distance import BLOCK_BYTES, Floats, Vectors
from fext_engine.latents.search import Progress

_EXACT = 2048  # dimensions, or rows, up to which the whole matrix of their products is kept, 32 MB
_COLUMNS = 1024  # at once in float64
_SPARE = 10  # directions that are followed beyond those wanted, as Halko et al. advise
_PASSES = 12
_SETTLED = 1e-4  # relative change of the variances from pass to pass

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """The directions of the largest variance."""

    mean: Matrix
    """(D,)"""
    axes: Matrix
    """(D, k), orthonormal columns, the largest variance first; the largest entry of each is positive.

    Where nothing varies a column may be zero.
    """
    shares: Matrix
    """(k,) of the whole variance."""

    def project(self, vectors: Vectors) -> Floats:
        """Coordinates (N, k) of (N, D), float32; not a number for rows that are not finite."""
        points = np.full((len(vectors), self.axes.shape[1]), np.nan, np.float32)
        for rows, block in _finite_blocks(vectors):
            points[rows] = (block - self.mean) @ self.axes
        return points


def principal_components(vectors: Vectors, count: int, progress: Progress | None = None) -> Components:
    """The first `count` principal components of the finite rows of (N, D); fewer when N - 1 or D is smaller.

    Up to 2048 dimensions they are the eigenvectors of the covariance, gathered in one pass over the rows; up to 2048
    rows those of the rows' products with each other, turned. With more of both they come from randomized subspace
    iteration (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53, 2011, algorithm
    4.4), a pass each until the variances have settled. Takes a few blocks and the smaller of D^2 and N^2, or
    D (count + 10), numbers of memory.
    """
    dimensions = vectors.shape[1]
    tell = progress or (lambda done, total: None)
    rows, mean, variance = _moments(vectors)
    count = max(0, min(count, dimensions, rows - 1))
    if min(dimensions, rows) <= _EXACT:
        tell(0, 1)
        if dimensions <= _EXACT:
            values, axes = np.linalg.eigh(_times_covariance(vectors, mean, None) / max(1, rows - 1))
        else:
            values, axes = _by_rows(vectors, mean, count)
        tell(1, 1)
    else:
        axes = np.random.default_rng(0).normal(size=(dimensions, min(count + _SPARE, dimensions)))
        axes, values = np.linalg.qr(axes)[0], np.zeros(axes.shape[1])
        for number in range(_PASSES):
            tell(number, _PASSES)
            product = _times_covariance(vectors, mean, axes) / max(1, rows - 1)
            before = values
            values, turn = np.linalg.eigh(axes.T @ product)  # Rayleigh and Ritz: the best within the subspace
            if np.abs(values - before)[-count:].max(initial=0) <= _SETTLED * values.max(initial=0):
                axes = axes @ turn
                break
            axes = np.linalg.qr(product @ turn)[0]
        tell(_PASSES, _PASSES)
    largest = np.argsort(values)[::-1][:count]
    axes = axes[:, largest]
    signs = np.sign(axes[np.abs(axes).argmax(0), np.arange(count)])
    return Components(mean, axes * signs, np.maximum(values[largest], 0) / (variance or 1.0))


def _moments(vectors: Vectors) -> tuple[int, Matrix, float]:
    """How many rows are finite, their mean (D,) and their whole variance."""
    rows, total, squares = 0, np.zeros(vectors.shape[1]), 0.0
    origin: Floats | None = None  # near the data: sums of squares do not cancel
    for _, block in _finite_blocks(vectors):
        if origin is None:
            origin = block[0].copy()
        moved = block.astype(np.float64) - origin
        rows += len(moved)
        total += moved.sum(0)
        squares += float(np.einsum("ij,ij->", moved, moved))
    if origin is None:
        return 0, total, 0.0
    mean = total / rows
    return rows, mean + origin, max(0.0, squares - rows * float(mean @ mean)) / max(1, rows - 1)


def _times_covariance(vectors: Vectors, mean: Matrix, axes: Matrix | None) -> Matrix:
    """The scatter matrix of the rows about their mean (D, D), or its product with `axes` (D, l)."""
    dimensions = vectors.shape[1]
    product = np.zeros((dimensions, dimensions if axes is None else axes.shape[1]))
    for _, block in _finite_blocks(vectors):
        centred = (block - mean).astype(np.float32)  # sums over blocks are in float64
        product += centred.T @ (centred if axes is None else centred @ axes.astype(np.float32))
    return product


def _by_rows(vectors: Vectors, mean: Matrix, count: int) -> tuple[Matrix, Matrix]:
    """The `count` largest variances (count,) and their axes (D, count), by the eigenvectors of the rows' products."""
    rows = np.concatenate([numbers for numbers, _ in _finite_blocks(vectors)])
    starts = range(0, vectors.shape[1], _COLUMNS)

    def centred(start: int) -> Matrix:
        columns = slice(start, start + _COLUMNS)
        return np.asarray(vectors[rows, columns] - mean[columns], np.float64)

    products = np.zeros((len(rows), len(rows)))
    for start in starts:
        block = centred(start)
        products += block @ block.T
    squares, turn = (part[..., len(rows) - count :] for part in np.linalg.eigh(products))
    squares = np.maximum(squares, 0)
    varies = squares > squares.max(initial=0) * len(rows) * np.finfo(np.float64).eps
    turn = turn * np.divide(1, np.sqrt(squares), out=np.zeros_like(squares), where=varies)
    return squares / (len(rows) - 1), np.concatenate([centred(start).T @ turn for start in starts])


def _finite_blocks(vectors: Vectors) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Yield (row numbers, vectors) of the finite rows, a block at a time."""
    step = max(1, BLOCK_BYTES // (8 * max(1, vectors.shape[1])))
    for start in range(0, len(vectors), step):
        block = np.asarray(vectors[start : start + step], np.float32)
        finite = np.isfinite(block).all(axis=1)
        if finite.any():
            yield start + np.flatnonzero(finite), block if finite.all() else block[finite]
