"""The approximate index: measured, refused when stale, and only an aid to the exact search."""

from __future__ import annotations

import numpy as np
import pytest
from made_encoding import make_encoding

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.run import run_here
from fext_engine.latents.encoding import open_encoding
from fext_engine.latents.index import INDEX, RECORD, open_index, read_record
from fext_engine.latents.query import Query
from fext_engine.latents.search import nearest
from fext_engine.latents.similar import similar
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace


def rows(seed=0, count=3000):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, 24)) + 4 * rng.normal(size=(20, 24))[rng.integers(0, 20, count)]).astype(np.float32)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    pytest.importorskip("usearch")
    workspace = Workspace(tmp_path_factory.mktemp("index"))
    workspace.create()
    vectors = rows()
    vectors[5], vectors[6], vectors[7] = 0, np.nan, vectors[8]
    make_encoding(workspace.inference / "e", vectors)
    return workspace


@pytest.fixture(scope="module")
def summary(workspace):
    return run_here(workspace, "index", Settings(), {"encoding": "e"})


@pytest.fixture
def encoding(workspace, summary):
    return open_encoding(workspace.inference / "e")


def test_its_recall_is_measured_and_stored(encoding, summary):
    assert summary["recall_at_10"] > 0.95
    record = read_record(encoding)
    assert (record.recall_at_10, record.metric, record.recall_queries) == (summary["recall_at_10"], "cosine", 200)
    assert record.bytes == (encoding.folder / INDEX).stat().st_size == summary["index_bytes"]
    index = open_index(encoding, "cosine")
    assert open_index(encoding, "euclidean") is None
    queries = np.asarray(encoding.vectors[100:200])
    exact, found = nearest(encoding.vectors, queries, 10), index.nearest(encoding.vectors, queries, 10)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact.rows, found.rows, strict=True)]) > 0.95
    same = found.rows[:, 0] == exact.rows[:, 0]
    assert same.mean() > 0.95, "threads build the graph in no fixed order, so one may be missed"
    assert np.array_equal(found.distances[same, 0], exact.distances[same, 0])
    assert (found.distances[:, 0] >= exact.distances[:, 0]).all()


def test_a_search_uses_it_unless_told_otherwise(encoding):
    query = Query(np.asarray(encoding.vectors[8:9]), 8)
    by_index = similar(encoding, query, 5)
    exact = similar(encoding, query, 5, exact=True)
    assert by_index.recall_at_10 is not None and exact.recall_at_10 is None
    assert exact.nearest.rows[0, 0] == 7, "its copy, not itself"
    assert 8 not in by_index.nearest.rows and (by_index.nearest.distances >= exact.nearest.distances).all()
    assert similar(encoding, query, 5, "euclidean").recall_at_10 is None


def test_a_stale_or_damaged_index_is_not_used(encoding, tmp_path):
    for name in (INDEX, RECORD):
        (tmp_path / "e").mkdir(exist_ok=True)
        (tmp_path / "e" / name).write_bytes((encoding.folder / name).read_bytes())
    same = make_encoding(tmp_path / "e", np.asarray(encoding.vectors))
    assert open_index(same, "cosine") is not None  # a copy: another time, the same vectors
    changed = np.array(encoding.vectors)
    changed[0, 0] += 1
    assert open_index(make_encoding(tmp_path / "e", changed), "cosine") is None
    same = make_encoding(tmp_path / "e", np.asarray(encoding.vectors))
    (tmp_path / "e" / INDEX).write_bytes((encoding.folder / INDEX).read_bytes()[:-100])
    assert open_index(same, "cosine") is None
    (tmp_path / "e" / RECORD).write_text("{}")
    assert open_index(same, "cosine") is None


def test_a_stop_keeps_the_older_one(workspace, summary, encoding):
    def stop(event):
        if event.kind == "progress":
            from tiny_training import ask_to_stop

            ask_to_stop()

    before = (encoding.folder / RECORD).read_bytes()
    with pytest.raises(JobStopped):
        run_here(workspace, "index", Settings(), {"encoding": "e", "metric": "euclidean"}, stop)
    assert (encoding.folder / RECORD).read_bytes() == before
    assert not [p for p in encoding.folder.iterdir() if p.name.startswith(".")]


def test_without_usearch_it_says_how_to_get_it(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    workspace.create()
    make_encoding(workspace.inference / "e", rows(count=20))
    monkeypatch.setattr("fext_engine.latents.index.importlib.util.find_spec", lambda name: None)
    with pytest.raises(FextError, match="the index needs usearch, which is not installed; install it with"):
        run_here(workspace, "index", Settings(), {"encoding": "e"})
