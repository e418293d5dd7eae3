"""Analyzing by several processes: the report of one, and nothing measured is lost."""

from __future__ import annotations

import csv
import json
import signal
import sqlite3
from contextlib import closing

import pytest
from hostile import build_hostile_folder, encode, picture
from rank_processes import die, in_ranks, my_number

from fext_engine.images import examine as examining
from fext_engine.jobs.events import EventReader
from fext_engine.jobs.folder import create_job
from fext_engine.jobs.run import run_here
from fext_engine.jobs.together import run_together
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Thirty pictures in two classes, and files of every kind of fault."""
    folder = tmp_path_factory.mktemp("images") / "images"
    folder.mkdir()
    build_hostile_folder(folder)
    for i in range(30):
        path = folder / f"class_{i % 2}" / f"{i:03d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(picture(i), "JPEG"))
    return folder


@pytest.fixture(scope="module")
def alone(images, tmp_path_factory):
    """What one process makes of them."""
    workspace = workspace_in(tmp_path_factory.mktemp("alone"))
    run_here(workspace, "analyze", settings(images))
    return contents(workspace)


def workspace_in(folder):
    workspace = Workspace(folder)
    workspace.create()
    return workspace


def settings(images):
    return Settings().with_options({"dataset.images": str(images), "device.num_workers": 0})


def analyze(workspace, images, count, during=None):
    """Analyze by so many processes, each of which calls `during` with how many files it has examined."""
    examine, seen = examining.examine, 0

    def watched(root, task):
        nonlocal seen
        seen += 1
        if during:
            during(seen)
        return examine(root, task)

    def work():
        examining.examine = watched
        run_together(workspace, lambda: create_job(workspace, "analyze", settings(images), {}))

    return in_ranks(count, work)


def events(workspace):
    return list(EventReader(max(workspace.jobs.iterdir(), key=lambda p: p.stat().st_mtime_ns)).read())


def contents(workspace):
    """All that an analysis leaves, without the report's name: every table of the database, every CSV, the summary."""
    with closing(sqlite3.connect(workspace.database)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {
            table: sorted(map(repr, database.execute(f"SELECT * FROM {table}")))
            for table in tables
            if table not in ("jobs", "reports", "schema_version")
        }
    (report,) = workspace.validation.glob("analysis_*")
    summary = json.loads((report / "summary.json").read_text())
    del summary["report"], summary["folder"]
    figures = {file.name: file.read_bytes() for file in report.glob("*.png")}
    return rows, {file.name: list(csv.reader(file.open())) for file in report.glob("*.csv")}, summary, figures


def test_several_make_the_report_of_one(tmp_path, images, alone):
    together = workspace_in(tmp_path)

    def note(seen):
        (tmp_path / f"seen_{my_number()}").write_text(str(seen))

    assert analyze(together, images, 3, note) == [(0, "")] * 3
    for ours, theirs in zip(alone, contents(together), strict=True):
        assert ours.keys() == theirs.keys() and len(ours) > 5
        assert [name for name in ours if ours[name] != theirs[name]] == []
    total = alone[2]["images"]
    read = [int((tmp_path / f"seen_{number}").read_text()) for number in range(3)]
    assert sum(read) == total and max(read) - min(read) <= 1
    measured = [e.data for e in events(together) if e.kind == "progress" and e.data["stage"] == "measure"]
    assert (measured[-1]["done"], measured[-1]["total"]) == (total, total)
    assert not list(together.jobs.glob("**/*measured*")) and not list(together.jobs.glob("**/pending*"))


def test_a_stop_keeps_what_all_have_measured(tmp_path, images):
    workspace = workspace_in(tmp_path / "ws")

    def stop(seen):
        if my_number() == 0 and seen == 6:
            signal.raise_signal(signal.SIGTERM)

    ended = analyze(workspace, images, 2, stop)
    assert [code for code, _ in ended] == [1, 1]
    kept = int(ended[0][1].removeprefix("JobStopped: ").split()[0])
    assert "images were measured and are kept" in ended[0][1] and kept >= 6
    assert events(workspace)[-1].kind == "stopped"
    assert waiting(workspace)[0] == waiting(workspace)[1] - kept


@pytest.mark.slow
def test_what_one_that_is_killed_had_measured_is_taken_over(tmp_path, images, alone, monkeypatch):
    workspace = workspace_in(tmp_path / "ws")

    def kill(seen):
        if my_number() == 1 and seen == 10:
            die()

    (code, said), (second, _) = analyze(workspace, images, 2, kill)
    assert (code, second) == (1, -signal.SIGKILL) and said.startswith("RankLost: ")
    (part,) = workspace.jobs.glob("*/rank_1/measured_*.jsonl")
    lines = part.read_bytes().splitlines(keepends=True)
    assert len(lines) == 8
    part.write_bytes(b"".join(lines[:7]) + lines[7][:100])  # torn
    taken = {found["path"] for found in map(json.loads, lines[:7]) if found["status"] != "unreadable"}
    examine, again = examining.examine, set()
    monkeypatch.setattr(examining, "examine", lambda root, task: again.add(task.path) or examine(root, task))
    run_here(workspace, "analyze", settings(images))
    assert len(taken) > 5 and not taken & again
    assert json.loads(lines[7])["path"] in again
    _, *told = contents(workspace)
    assert told[:2] == list(alone[1:3])


def waiting(workspace):
    """How many images have no measures yet, of how many."""
    with closing(sqlite3.connect(workspace.database)) as database:
        (pending,), (count,) = (
            database.execute(f"SELECT count(*) FROM images {where}").fetchone()
            for where in ("WHERE status = 'pending'", "")
        )
    return pending, count
