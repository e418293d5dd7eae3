"""Which of many images are copies: equal digests, and perceptual hashes that differ in few bits."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from fext_engine.forest import Forest, Labels

Hashes = npt.NDArray[np.uint64]

HASH_BITS = 64
MAX_RADIUS = 8
FIRST_REACH = 32  # neighbours that are compared before groups are known; ample unless hashes crowd together


def group_equal(keys: Hashes) -> Labels:
    """Number the groups of equal rows of (n, k) keys: (n,) labels from 0, in no particular order."""
    order = np.lexsort(keys.T)
    ordered = keys[order]
    starts = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))[: len(keys)]
    labels = np.empty(len(keys), np.int64)
    labels[order] = np.cumsum(starts) - 1
    return labels


def group_near(hashes: Hashes, radius: int) -> Labels:
    """Number the groups of (n,) 64-bit hashes that a chain of steps of at most `radius` bits connects.

    Hashes that are equal are one from the start, so a million blank images cost no more than others. The
    rest are joined exactly by the pigeonhole principle: of `radius` + 2 bands of bits two are equal in any
    near pair, so hashes are sorted by each pair of bands and compared within runs of equal ones. Memory is
    some 60 bytes a hash; a million random hashes take seconds. `radius` is 0 to MAX_RADIUS.
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    forest = Forest(len(unique))
    if radius > 0:
        masks = _masks(radius)
        reach, longer = range(1, FIRST_REACH + 1), True
        # Runs are walked in rounds of growing reach: a crowd becomes one group early, and is passed over then.
        while longer:
            longer = False
            for mask in masks:
                longer |= _compare(unique, mask, radius, reach, forest)
            reach = range(reach.stop, 2 * reach.stop)
    return forest.labels()[inverse]


def differing_bits(a: Hashes, b: Hashes) -> npt.NDArray[np.uint8]:
    """In how many bits hashes differ, elementwise with broadcasting."""
    return np.asarray(np.bitwise_count(a ^ b), np.uint8)


def _masks(radius: int) -> list[np.uint64]:
    edges = np.linspace(0, HASH_BITS, radius + 3).astype(int).tolist()
    bands = [(1 << high) - (1 << low) for low, high in pairwise(edges)]
    return [np.uint64(a | b) for a, b in combinations(bands, 2)]


def _compare(hashes: Hashes, mask: np.uint64, radius: int, reach: range, forest: Forest) -> bool:
    """Link near pairs of equal masked bits that lie `reach` apart when sorted; returns whether runs go on."""
    keys = hashes & mask
    order = np.argsort(keys)
    keys = keys[order]
    ordered = hashes[order]
    low = reach.start
    places = np.flatnonzero(keys[low:] == keys[:-low]) if low < len(keys) else np.empty(0, np.intp)
    if low > 1 and len(places):
        places = places[_in_divided_runs(keys, forest.labels()[order])[places]]
    for apart in reach:
        if not len(places):
            return False
        near = places[differing_bits(ordered[places], ordered[places + apart]) <= radius]
        forest.link(order[near], order[near + apart])
        places = places[places + apart + 1 < len(keys)]
        places = places[keys[places] == keys[places + apart + 1]]
    return bool(len(places))


def _in_divided_runs(keys: Hashes, labels: Labels) -> npt.NDArray[np.bool_]:
    """Which places of sorted keys lie in a run of equal ones that is not yet one group."""
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    divided = np.minimum.reduceat(labels, starts) != np.maximum.reduceat(labels, starts)
    return np.repeat(divided, np.diff(np.append(starts, len(keys))))
