"""Exact search in blocks, against numpy's full product and sort, and against the approximate index."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from fext_engine.latents.distance import METRICS
from fext_engine.latents.index import _PARAMETERS, _SPARE, _candidates
from fext_engine.latents.search import nearest, rank

pytestmark = pytest.mark.benchmark


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def clustered(count: int, dimensions: int) -> np.ndarray:
    """As latents are: around some centres, and of fewer dimensions than they have numbers."""
    rng = np.random.default_rng(0)
    rank_ = max(8, dimensions // 4)
    mix = rng.normal(size=(rank_, dimensions)).astype(np.float32)
    centres = 2 * rng.normal(size=(200, rank_)).astype(np.float32)
    vectors = np.empty((count, dimensions), np.float32)
    for start in range(0, count, 50_000):
        part = vectors[start : start + 50_000]
        inner = rng.normal(size=(len(part), rank_)).astype(np.float32) + centres[rng.integers(0, 200, len(part))]
        part[:] = inner @ mix + 0.1 * rng.normal(size=part.shape).astype(np.float32)
    return vectors


def plain(vectors: np.ndarray, queries: np.ndarray, top: int) -> np.ndarray:
    """What one would write first: unit vectors, the whole product, the whole sort."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    return np.argsort(1 - wanted @ unit.T, axis=1, kind="stable")[:, :top]


@pytest.mark.parametrize(("count", "dimensions"), [(10_000, 256), (100_000, 256), (300_000, 64), (1_000_000, 64)])
def test_search(count: int, dimensions: int, tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", clustered(count, dimensions))
    vectors = np.load(tmp_path / "x.npy", mmap_mode="r")
    one, many = np.array(vectors[:1]), np.array(vectors[::count // 50][:50])
    say = []
    for queries in (one, many):
        ours = seconds(lambda q=queries: nearest(vectors, q, 10))
        rival = seconds(lambda q=queries: plain(vectors, q, 10), 3)
        say.append(f"{len(queries)} queries: ours {1000 * ours:.0f} ms, numpy {1000 * rival:.0f} ms, x{rival / ours:.1f}")
    euclidean = seconds(lambda: nearest(vectors, one, 10, METRICS[1]))
    say.append(f"euclidean {1000 * euclidean:.0f} ms")
    assert np.array_equal(nearest(vectors, many, 10).rows[:, :3], plain(vectors, many, 10)[:, :3])
    try:
        from usearch.index import Index
    except ImportError:
        say.append("no usearch")
    else:
        graph = Index(ndim=dimensions, metric="cos", dtype="f16", **_PARAMETERS)
        start = time.perf_counter()
        graph.add(np.arange(count), np.asarray(vectors))
        build = time.perf_counter() - start
        graph.save(str(tmp_path / "g"))
        opened = time.perf_counter()
        graph = Index.restore(str(tmp_path / "g"), view=True)
        opened = time.perf_counter() - opened

        def ask(queries: np.ndarray):
            return rank(vectors, queries, _candidates(graph, queries, 10 * _SPARE), 10, "cosine")

        first = time.perf_counter()
        ask(one)
        first = time.perf_counter() - first
        quick = seconds(lambda: ask(one))
        exact, found = nearest(vectors, many, 10), ask(many)
        recall = (found.distances <= exact.distances[:, -1:]).mean()
        size = (tmp_path / "g").stat().st_size / 1e6
        say.append(
            f"index: built {build:.0f} s, {size:.0f} MB, opened {1000 * opened:.1f} ms, first {1000 * first:.1f} ms, "
            f"then {1000 * quick:.1f} ms, recall@10 {recall:.3f}"
        )
    with capsys.disabled():
        print(f"\n{count:,} x {dimensions}: " + "; ".join(say))
