"""Exact nearest neighbours and near-duplicate groups, compared with SciPy in float64."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from made_encoding import make_encoding
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist

from fext_engine.errors import FextError
from fext_engine.latents.groups import default_threshold, groups
from fext_engine.latents.search import nearest, neighbours, rank

METRICS = ("cosine", "euclidean")


def vectors_with_oddities(dtype="float32", count=700, dimensions=24):
    """Random rows with a crowd of copies, rows that differ in length alone, and near copies."""
    x = np.random.default_rng(3).normal(size=(count, dimensions))
    x[100:160] = x[5]
    x[200:210] = x[5] * 4
    x[300:340] = x[340:380] + np.random.default_rng(4).normal(size=(40, dimensions)) * 1e-3
    return x.astype(dtype)


def reference(vectors, queries, top, metric):
    """Rows and distances by float64 brute force; ties, after rounding to float32, in the order of rows."""
    distances = cdist(queries.astype(float), vectors.astype(float), metric)
    distances[distances < 1e-12] = 0  # SciPy's own rounding of copies
    distances = distances.astype(np.float32)
    rows = np.argsort(distances, axis=1, kind="stable")[:, :top]
    return rows, np.take_along_axis(distances, rows, 1)


@pytest.mark.parametrize("block_bytes", [3000, 2**17, 2**23])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("metric", METRICS)
def test_the_nearest_are_those_of_brute_force(metric, dtype, block_bytes):
    vectors = vectors_with_oddities(dtype)
    queries = np.concatenate([vectors[:40], vectors[::-37] * 2 + 1])
    found = nearest(vectors, queries, 15, metric, block_bytes=block_bytes)
    rows, distances = reference(vectors, queries, 15, metric)
    assert (found.rows.dtype, found.distances.dtype) == (np.int64, np.float32)
    assert found.distances == pytest.approx(distances, rel=1e-5, abs=1e-7)
    differing = found.rows != rows  # only where SciPy rounds what is equally far to different numbers
    assert not differing[distances > 1e-9].any() or differing.mean() < 0.01
    assert found.rows[5, :11].tolist() == [5, *range(100, 110)]


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_lost_to_rounding_far_from_the_origin(metric):
    rng = np.random.default_rng(0)
    vectors = (1000 + rng.normal(size=(2000, 16)) * 0.01).astype(np.float32)
    found = nearest(vectors, vectors[:30], 8, metric, block_bytes=2**14)
    rows, distances = reference(vectors, vectors[:30], 8, metric)
    if metric == "euclidean":
        assert np.array_equal(found.rows, rows)
    else:  # SciPy's own cosine cancels here: unit vectors in extended precision instead
        unit = vectors.astype(np.longdouble)
        unit /= np.sqrt((unit**2).sum(1, keepdims=True))
        true = ((unit[:30, None] - unit[None]) ** 2).sum(2) / 2
        assert np.array_equal(found.rows, np.argsort(true, axis=1, kind="stable")[:, :8])
    assert found.distances == pytest.approx(distances, rel=1e-4, abs=1e-7)


def test_rows_that_come_nearer_and_nearer_are_all_seen():
    vectors = np.linspace(100, 0, 5000, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    found = nearest(vectors, np.zeros((1, 3), np.float32), 4, "euclidean", block_bytes=1000)
    assert found.rows.tolist() == [[4999, 4998, 4997, 4996]]


def test_zeros_and_rows_that_are_not_finite():
    vectors = np.array([[1, 0], [np.nan, 1], [0, 0], [np.inf, 0], [0, 2], [-1, 0]], np.float32)
    found = nearest(vectors, np.array([[2, 0], [0, 0]], np.float32), 6, "cosine")
    assert found.rows.tolist() == [[0, 2, 4, 5, 1, 3], [0, 2, 4, 5, 1, 3]]
    assert found.distances.tolist() == [[0, 1, 1, 2, np.inf, np.inf], [1, 1, 1, 1, np.inf, np.inf]]
    euclidean = nearest(vectors, np.array([[0, 0]], np.float32), 9, "euclidean")
    assert euclidean.rows.tolist() == [[2, 0, 5, 4, 1, 3]]
    assert euclidean.distances.tolist() == [[0, 1, 1, 2, np.inf, np.inf]]
    with pytest.raises(FextError, match="not finite"):
        nearest(vectors, vectors[1:2], 3)


def test_empty_and_small_tables():
    empty = np.empty((0, 4), np.float32)
    assert nearest(empty, np.ones((2, 4), np.float32), 3).rows.shape == (2, 0)
    assert nearest(np.ones((2, 4), np.float32), empty, 3).rows.shape == (0, 2)
    assert groups(empty, 1.0) == []
    assert default_threshold(empty) == 0


def test_a_search_among_some_rows():
    vectors = vectors_with_oddities()
    among = np.arange(1, 700, 3)
    found = nearest(vectors, vectors[:20], 7, "cosine", among=among, block_bytes=4000)
    rows, _ = reference(vectors[among], vectors[:20], 7, "cosine")
    assert np.array_equal(found.rows, among[rows])


def test_memory_does_not_grow_with_the_table(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60_000, 16)).astype(np.float16))
    vectors = np.load(tmp_path / "x.npy", mmap_mode="r")
    queries = np.asarray(vectors[:200])
    tracemalloc.start()
    nearest(vectors, queries, 10, "cosine", block_bytes=2**18)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20  # the distances alone would be 48 MB


@pytest.mark.parametrize("metric", METRICS)
def test_torch_finds_the_same(metric):
    vectors = vectors_with_oddities()
    vectors[7], vectors[8] = 0, np.nan
    ours = nearest(vectors, vectors[:7], 30, metric, block_bytes=2**14)
    theirs = nearest(vectors, vectors[:7], 30, metric, block_bytes=2**14, device="cpu")
    assert np.array_equal(ours.rows, theirs.rows)
    assert np.array_equal(ours.distances, theirs.distances)
    assert [g.tolist() for g in groups(vectors, 0.01, metric)] == [
        g.tolist() for g in groups(vectors, 0.01, metric, device="cpu")
    ]


def test_neighbours_leave_out_the_row_itself_and_keep_its_copies(tmp_path):
    encoding = make_encoding(tmp_path / "e", vectors_with_oddities())
    for row in (5, 130, 159):  # in a crowd of 61 the row itself need not be among the first
        found = neighbours(encoding, row, 3, "euclidean")
        assert found.rows.tolist() == [[r for r in (5, 100, 101, 102) if r != row][:3]]
        assert found.distances.tolist() == [[0, 0, 0]]
    assert neighbours(encoding, 0, 1000).rows.shape == (1, 699)


def test_candidates_are_ranked_by_exact_distance():
    vectors = vectors_with_oddities()
    candidates = np.array([[9, 5, 101, 100, 3]])
    assert rank(vectors, vectors[5:6], candidates, 3, "cosine").rows.tolist() == [[5, 100, 101]]


def grouped(labels):
    return sorted(np.flatnonzero(labels == label).tolist() for label in np.unique(labels) if (labels == label).sum() > 1)


@pytest.mark.parametrize("metric", METRICS)
def test_groups_are_those_of_single_linkage(metric, monkeypatch):
    monkeypatch.setattr("fext_engine.latents.groups.BLOCK_BYTES", 2**13)  # many small blocks
    vectors = vectors_with_oddities()
    tree = linkage(vectors.astype(float), "single", metric)
    for threshold in (1e-4, 0.3, 0.4, 3.0, 4.5):
        found = groups(vectors, threshold, metric)
        assert sorted(g.tolist() for g in found) == grouped(fcluster(tree, threshold, "distance"))
        assert [len(g) for g in found] == sorted((len(g) for g in found), reverse=True)


def test_the_default_threshold_finds_what_is_nearly_the_same():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(400, 32)).astype(np.float32) + 0.5
    vectors[200:220] = vectors[:20] + rng.normal(size=(20, 32)).astype(np.float32) * 0.03
    for metric in METRICS:
        found = groups(vectors, default_threshold(vectors, metric), metric)
        assert sorted(g.tolist() for g in found) == [[i, 200 + i] for i in range(20)]


def test_a_crowd_of_equal_rows_is_one_group():
    vectors = np.ones((9000, 8), np.float32)
    vectors[77] = -1
    (group,) = groups(vectors, 0.0, "cosine")
    assert len(group) == 8999 and 77 not in group
