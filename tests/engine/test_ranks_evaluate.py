"""Evaluating by several processes: the report, the table and the figures of one."""

from __future__ import annotations

import json

import pytest
from rank_processes import die, in_ranks, my_number
from tiny_training import make_images, make_workspace, small_settings, untrained

from fext_engine.evaluation import evaluate as evaluation
from fext_engine.jobs.events import EventReader
from fext_engine.jobs.folder import create_job
from fext_engine.jobs.run import run_here
from fext_engine.jobs.together import run_together
from fext_engine.training.run_folder import RunFolder, SplitRow, create_run

SETTINGS = small_settings(inference__batch_size=4, inference__num_evaluation_images=2)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A run with 22 validation images, of which two can be read no more."""
    workspace = make_workspace(tmp_path_factory.mktemp("ranks"), 0)
    make_images(workspace.images, 30)
    paths = sorted(str(p.relative_to(workspace.images)) for p in workspace.images.rglob("*.png"))
    rows = [SplitRow(path, "validation" if n < 22 else "train", "0" * 64) for n, path in enumerate(paths)]
    create_run(workspace, "r", SETTINGS, rows)
    untrained(workspace)
    for number in (3, 13):
        (workspace.images / paths[number]).write_bytes(b"")
    return workspace


@pytest.fixture(scope="module", autouse=True)
def alone(workspace):
    """What one process makes of it, with few embeddings: in whole batches, of the second process too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "EMBEDDED", 7)
        run_here(workspace, "evaluate", SETTINGS, {"run": "r"})
        yield contents(workspace), events(workspace)


def evaluate(workspace, count, during=None):
    seen = 0
    measure = evaluation.image_metrics

    def watched(*arguments):
        nonlocal seen
        seen += 1
        if during:
            during(seen)
        return measure(*arguments)

    def work():
        evaluation.image_metrics = watched
        run_together(workspace, lambda: create_job(workspace, "evaluate", SETTINGS, {"run": "r"}))

    return in_ranks(count, work)


def contents(workspace):
    return {f.name: f.read_bytes() for f in RunFolder(workspace.run("r")).evaluation.iterdir()}


def events(workspace):
    return list(EventReader(max(workspace.jobs.iterdir(), key=lambda p: p.stat().st_mtime_ns)).read())


def test_several_make_the_evaluation_of_one(workspace, alone):
    alone, told = alone
    assert json.loads(alone["report.json"])["images"] == 20
    assert evaluate(workspace, 3) == [(0, "")] * 3
    several = contents(workspace)
    assert alone.keys() == several.keys()
    assert [name for name in alone if alone[name] != several[name]] == []

    def left_out(told):
        return [e.data["message"] for e in told if e.kind == "log" and "is left out" in e.data["message"]]

    assert left_out(events(workspace)) == left_out(told) and len(left_out(told)) == 2


def test_one_that_is_killed_leaves_the_older_evaluation(workspace):
    before = contents(workspace)
    (code, said), _ = evaluate(workspace, 2, lambda seen: die() if my_number() == 1 and seen == 2 else None)
    assert code == 1 and said.startswith("RankLost: process 0 of 2 lost another one")
    assert events(workspace)[-1].kind == "failed"
    assert contents(workspace) == before
    assert not [p for p in workspace.run("r").iterdir() if p.name.startswith(".")]
