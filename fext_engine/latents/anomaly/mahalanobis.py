"""Mahalanobis distances to normal vectors, with a covariance that is shrunk where there are few of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SMALLEST = 1e-6
"""Added to the variances, as a share of their mean: what never varies has no infinite weight."""


@dataclass(frozen=True)
class Gaussian:
    """Normal vectors as a mean and the inverse of a covariance; leading axes (...) are fitted side by side."""

    mean: NDArray[np.float32]
    """(..., D)"""
    whitening: NDArray[np.float32]
    """(..., D, D): lower triangular W with W.T @ W the inverse covariance."""

    @classmethod
    def fit(cls, vectors: NDArray[Any]) -> Self:
        """Fit (..., n, D) vectors, n at least 2."""
        mean, covariance = ledoit_wolf(vectors)
        size = covariance.shape[-1]
        scale = np.trace(covariance, axis1=-2, axis2=-1)[..., None, None] / size
        scale = np.where(scale > 0, scale, 1.0)
        factor = np.linalg.cholesky(covariance + _SMALLEST * scale * np.eye(size))
        return cls(mean.astype(np.float32), np.linalg.inv(factor).astype(np.float32))

    def distance(self, vectors: NDArray[Any]) -> Floats:
        """Mahalanobis distances (..., n) of (..., n, D) vectors to the mean."""
        centred = np.asarray(vectors, np.float32) - self.mean[..., None, :]
        whitened = centred @ np.swapaxes(self.whitening, -1, -2)
        distance: Floats = np.sqrt(np.square(whitened).sum(-1, dtype=np.float64))
        return distance


def ledoit_wolf(vectors: NDArray[Any]) -> tuple[Floats, Floats]:
    """Mean (..., D) and shrunk covariance (..., D, D) of (..., n, D) vectors.

    Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices, lemmas
    3.2 to 3.5: (b2 / d2) m I + (1 - b2 / d2) S, with the sample covariance S (over n), m the mean variance,
    d2 = |S - m I|^2, and b2 = min(d2, sum_k |x_k x_k' - S|^2 / n^2), in the norm |A|^2 = tr(A A') / D.
    """
    x = np.asarray(vectors, np.float64)
    n, size = x.shape[-2:]
    mean = x.mean(-2)
    x = x - mean[..., None, :]
    sample = np.swapaxes(x, -1, -2) @ x / n
    m = np.trace(sample, axis1=-2, axis2=-1) / size
    squares = np.square(sample).sum((-2, -1)) / size
    d2 = squares - np.square(m)
    fourth = np.square(np.square(x).sum(-1)).sum(-1) / size  # the sum of |x_k x_k'|^2
    b2 = np.clip((fourth / n - squares) / n, 0, np.maximum(d2, 0))
    share = np.divide(b2, d2, out=np.ones_like(d2), where=d2 > 0)[..., None, None]
    return mean, share * m[..., None, None] * np.eye(size) + (1 - share) * sample
