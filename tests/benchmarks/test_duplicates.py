"""How long a million perceptual hashes take: at random, with copies, all equal, and crowded together."""

from __future__ import annotations

import resource
import time

import numpy as np
import pytest

from fext_engine.images.duplicates import group_near

pytestmark = pytest.mark.benchmark
COUNT = 1_000_000


def hash_sets() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    spread = rng.integers(0, 2**64, COUNT, dtype=np.uint64)
    copies = spread.copy()
    copies[: COUNT // 10] = spread[-COUNT // 10 :] ^ (
        np.uint64(1) << rng.integers(0, 64, COUNT // 10, dtype=np.uint64)
    )
    return {
        "at random": spread,
        "a tenth are near copies": copies,
        "all equal": np.full(COUNT, 5, np.uint64),
        "in 20 bits, each near thousands": rng.integers(0, 2**20, COUNT, dtype=np.uint64),
    }


@pytest.mark.parametrize("name", hash_sets())
def test_a_million_hashes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    hashes = hash_sets()[name]
    start = time.perf_counter()
    groups = len(np.unique(group_near(hashes, 4)))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with capsys.disabled():
        print(f"\n{COUNT:,} hashes {name}: {seconds:.1f} s, {groups:,} groups, peak so far {peak} MB")
