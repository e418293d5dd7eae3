"""Normal images judged by the others: distances of images that were fitted leave their own fold out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fext_engine.latents.anomaly.mahalanobis import Gaussian

FOLDS = 5
ALL = FOLDS
"""The fold of images that nothing was fitted to."""

_BLOCK_BYTES = 2**26


def assign_folds(contents: NDArray[np.int64], fitted: NDArray[np.int64]) -> NDArray[np.int64]:
    """The fold of each image, by the numbers of their contents; those of the `fitted` ones are 0 to FOLDS - 1.

    Copies of a file share its fold, so that no image is judged by its own copy. The others have ALL.
    """
    different = np.unique(contents[fitted])
    order = np.random.default_rng(0).permutation(len(different))
    fold_of = np.full(int(contents.max(initial=0)) + 1, ALL)
    fold_of[different] = order % FOLDS
    folds: NDArray[np.int64] = fold_of[contents]
    return folds


@dataclass(frozen=True)
class CrossFitted:
    """A Gaussian at each of P positions, fitted without each fold and, for new images, to all of them."""

    gaussians: tuple[Gaussian, ...]

    @classmethod
    def fit(cls, features: NDArray[Any], folds: NDArray[np.int64], pause: Callable[[], None]) -> Self:
        """Fit (n, P, C) features of images in folds (n,), of which there are at least two; `pause` is called often."""
        return cls(tuple(_fit(features, folds != fold, pause) for fold in (*range(FOLDS), ALL)))

    def distances(self, features: NDArray[Any], folds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mahalanobis distances (m, P) of (m, P, C) features of images in folds (m,)."""
        found = np.empty(features.shape[:2])
        for fold in np.unique(folds):
            chosen = folds == fold
            found[chosen] = self.gaussians[fold].distance(features[chosen].swapaxes(0, 1)).T
        return found


def _fit(features: NDArray[Any], chosen: NDArray[np.bool_], pause: Callable[[], None]) -> Gaussian:
    """Fit some images, a few positions at a time: the sums are in float64."""
    count, positions, channels = features.shape
    step = max(1, _BLOCK_BYTES // (8 * channels * max(count, channels)))
    parts = []
    for start in range(0, positions, step):
        parts.append(Gaussian.fit(features[chosen, start : start + step].swapaxes(0, 1)))
        pause()
    return Gaussian(np.concatenate([p.mean for p in parts]), np.concatenate([p.whitening for p in parts]))
