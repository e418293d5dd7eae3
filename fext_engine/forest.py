"""Groups of things that a chain of links connects, found in bulk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]

MAX_WAITING = 1 << 21  # pairs kept before they are merged into groups: bounds the memory of crowds


class Forest:
    """Groups that grow by links, merged in bulk."""

    def __init__(self, count: int) -> None:
        self._labels = np.arange(count)
        self._links: list[tuple[Labels, Labels]] = []
        self._waiting = 0

    def link(self, a: Labels, b: Labels) -> None:
        """Say that a[i] and b[i] are of one group."""
        if len(a):
            self._links.append((a, b))
            self._waiting += len(a)
            if self._waiting > MAX_WAITING:
                self.labels()

    def labels(self) -> Labels:
        """(count,) the number of each one's group, from 0, in no particular order."""
        if self._links:
            from scipy.sparse import coo_array  # a third of a second, which a dataset without copies spares
            from scipy.sparse.csgraph import connected_components

            a, b = (self._labels[np.concatenate(side)] for side in zip(*self._links, strict=True))
            count = len(self._labels)
            links = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
            self._labels = connected_components(links, directed=False)[1].astype(np.int64)[self._labels]
            self._links, self._waiting = [], 0
        return self._labels
