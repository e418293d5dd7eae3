"""Distance to the nearest normal vectors, an image's own copies left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fext_engine.latents.distance import Numbers, Vectors
from fext_engine.latents.search import nearest


def neighbour_distance(
    vectors: Vectors, normal: Numbers, queries: Vectors, own: Numbers, others: Numbers, *, neighbours: int
) -> NDArray[np.float64]:
    """Mean Euclidean distance of each of `queries` (Q, D) to its nearest among the rows `normal` (N,): (Q,).

    `vectors` (M, D) hold those rows, ascending. `own` (Q,) and `others` (N,) number the files' contents: a
    neighbour of the same content does not count, so that an image of the reference is judged by the rest of
    it (leave one out).
    """
    copies = int(np.unique(others, return_counts=True)[1].max())
    found = nearest(vectors, queries, neighbours + copies, "euclidean", among=normal)
    foreign = others[np.searchsorted(normal, found.rows)] != own[:, None]
    taken = foreign & (np.cumsum(foreign, axis=1) <= neighbours)
    total = np.where(taken, found.distances, 0).sum(1, dtype=np.float64)
    mean = np.full(len(queries), np.nan)
    np.divide(total, taken.sum(1), out=mean, where=taken.any(1))
    return mean
