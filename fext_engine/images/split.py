"""The split into training and validation images: by a seeded hash of each path, never by the order of listing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fext_engine.sections import DatasetSettings

UNUSED, TRAIN, VALIDATION = 0, 1, 2
SPLIT_NAMES = ("unused", "train", "validation")
"""Text of the codes that `assign_splits` returns."""

_DECISIONS = 3  # sample, split, training sub-sample: one independent 64-bit number of the hash each


def split_dataset(paths: Sequence[str], dataset: DatasetSettings) -> tuple[list[str], list[str]]:
    """Divide the stored (escaped, relative) paths of all scanned images into (training, validation).

    Give it every path that `scan` yields, usable or not: files that later fail to decode then drop out of
    their side without moving any other. Both lists come in the order of the paths' bytes, whatever the order
    of `paths`. See `assign_splits` for the counts.
    """
    ordered = sorted(paths, key=lambda path: path.encode())
    codes = assign_splits(ordered, dataset)
    training = [path for path, code in zip(ordered, codes, strict=True) if code == TRAIN]
    validation = [path for path, code in zip(ordered, codes, strict=True) if code == VALIDATION]
    return training, validation


def assign_splits(paths: Iterable[str], dataset: DatasetSettings) -> npt.NDArray[np.uint8]:
    """Return a code per path, uint8 (N,): UNUSED, TRAIN or VALIDATION; 24 bytes of memory a path.

    Paths are ranked by their hash and the first of each rank are taken, so the counts are exact:
    round(N * sample_size) are used, of these round(n * validation_size) validate, and of the rest
    round(t * train_sample_size) train. With two images or more each side keeps at least one. The ranks
    depend on `split_seed` and the path alone; a file that comes or goes can move at most one other file
    across each limit, and every other stays on its side.
    """
    ranks = _hash_paths(paths, dataset.split_seed)
    codes = np.full(len(ranks), UNUSED, np.uint8)
    count = len(ranks)
    used = _first(ranks[:, 0], np.arange(count), _share(count, dataset.sample_size, low=min(2, count)))
    validating = _share(len(used), dataset.validation_size, low=min(1, len(used) - 1), high=len(used) - 1)
    validation = _first(ranks[:, 1], used, validating)
    rest = np.setdiff1d(used, validation, assume_unique=True)
    training = _first(ranks[:, 2], rest, _share(len(rest), dataset.train_sample_size, low=min(1, len(rest))))
    codes[training] = TRAIN
    codes[validation] = VALIDATION
    return codes


def _hash_paths(paths: Iterable[str], seed: int) -> npt.NDArray[np.uint64]:
    """Three independent 64-bit numbers per path, (N, 3)."""
    key = seed.to_bytes(8, "little")
    size = 8 * _DECISIONS
    digests = bytearray()
    for path in paths:
        digests += hashlib.blake2b(path.encode(), digest_size=size, key=key).digest()
    return np.frombuffer(digests, "<u8").reshape(-1, _DECISIONS)


def _first(ranks: npt.NDArray[np.uint64], among: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    """The `count` members of `among` with the smallest rank, as sorted indices."""
    order = np.argsort(ranks[among], kind="stable")
    return np.sort(among[order[:count]])


def _share(total: int, share: float, low: int, high: int | None = None) -> int:
    """round(total * share), a half rounded up, but at least `low` and at most `high`."""
    high = total if high is None else high
    return max(0, low, min(high, int(total * share + 0.5)))
