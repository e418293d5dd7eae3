"""Two programs and two jobs on one workspace at once, held at the moments at which they would meet."""

from __future__ import annotations

import os
import signal
import sys
import time
from unittest.mock import patch

import numpy as np
import pytest

if os.name == "nt":
    pytest.skip("forks and pseudo-terminals are of POSIX", allow_module_level=True)

from struck_job import Gate, Moment, strike
from whole_work import runs

from fext_engine.images import analyze, report
from fext_engine.images.scan import ScannedFile
from fext_engine.jobs.events import EventReader
from fext_engine.records import open_records
from fext_engine.records.images import find_root, record_scan, record_splits
from fext_engine.records.runs import set_note
from fext_engine.training import run_folder


@pytest.fixture
def train(works):
    return works[0]


@pytest.fixture
def analysis(works):
    return works[2]


def log_of(job):
    return [event.data.get("message") for event in EventReader(job.folder).read() if event.kind == "log"]


def until(job, condition):
    """Wait for a condition that a job brings about."""
    while not condition():
        assert not job.ended, log_of(job)
        time.sleep(0.005)


def scanned_before(workspace, images):
    with open_records(workspace.database) as records:
        return find_root(records, images) is not None


@pytest.mark.slow
def test_two_uis_show_two_trainings_and_both_come_out_right(train, start_job, start_ui, tmp_path, fault_table):
    workspace, gates = train.workspace(tmp_path / "ws"), (Gate(), Gate())
    jobs = [
        start_job(workspace, "train", train.settings, {"name": name}, moment=Moment("step", 3), act=gate.hold)
        for name, gate in zip("ab", gates, strict=True)
    ]
    assert all(job.reached(Moment("step", 3)) for job in jobs)
    uis = [start_ui(workspace) for _ in range(2)]
    for ui in uis:
        ui.wait_for(r"train +(a .*x stop(.|\n)*train +b|b .*x stop(.|\n)*train +a) .*x stop")
    for gate in gates:
        gate.open()
    assert [job.wait() for job in jobs] == [0, 0]
    for ui in uis:
        ui.press("2")
        ui.wait_for(r"finished +3/3(.|\n)*finished +3/3")
        ui.press("q")
        assert ui.wait() == 0
    train.check(workspace)
    assert [train.trained(workspace, run) for run in runs(workspace)] == [train.whole, train.whole]
    fault_table(fault="two UIs, two jobs", where="one workspace", saw="both jobs, live, in both UIs", lost="nothing")


def test_two_trainings_begun_in_one_second_make_their_cache_and_their_names_in_turn(
    train, start_job, tmp_path, monkeypatch, fault_table
):
    monkeypatch.setattr(run_folder, "timestamp", lambda: "20260101T000000")
    workspace, gate = train.workspace(tmp_path / "ws"), Gate()
    first = start_job(workspace, "train", train.settings, {}, moment=Moment("folder", 1), act=gate.hold)
    assert first.reached(Moment("folder", 1)), "at the rename of its pixel cache"
    second = start_job(workspace, "train", train.settings, {})
    until(second, lambda: "another job reads the same images just now: waiting for it" in log_of(second))
    gate.open()
    assert (first.wait(), second.wait()) == (0, 0), (log_of(first), log_of(second))

    gate = Gate()
    third = start_job(workspace, "train", train.settings, {}, moment=Moment("folder", 1), act=gate.hold)
    assert third.reached(Moment("folder", 1)), "at the rename of its run"
    fourth = start_job(workspace, "train", train.settings, {})
    assert fourth.wait() == 0
    gate.open()
    assert third.wait() == 0, log_of(third)
    train.check(workspace)
    assert [run.name.partition("20260101T000000")[2] for run in runs(workspace)] == ["", ".2", ".3", ".4"]
    assert all(train.trained(workspace, run) == train.whole for run in runs(workspace))
    fault_table(
        fault="two jobs in one second", where="train", saw="the second waits for the first's images", lost="nothing"
    )


def test_a_run_is_resumed_by_one_of_two(train, start_job, tmp_path, fault_table):
    workspace, gate = train.workspace(tmp_path / "ws"), Gate()
    struck = start_job(
        workspace, "train", train.settings, {"name": "r"}, moment=Moment("step", 6), act=strike(signal.SIGTERM)
    )
    assert struck.wait() == 130
    asked = (workspace, "resume", train.settings, {"run": "r", "epochs": 2})
    first = start_job(*asked, moment=Moment("step", 1), act=gate.hold)
    assert first.reached(Moment("step", 1))
    second = start_job(*asked)
    assert second.wait() == 1
    said = (second.folder / "output.log").read_text().strip()
    assert said == "another job works on the run r; wait for it, or stop it: `fext jobs` lists them"
    assert (first.info.state, second.info.state) == ("running", "failed")
    gate.open()
    assert first.wait() == 0
    train.check(workspace)
    assert train.left(workspace) == train.whole
    fault_table(fault="resumed twice at once", where="train", saw=f"failed: {said}", lost="nothing")


def test_two_analyses_of_one_folder_lose_no_image_to_each_other(
    analysis, start_job, tmp_path, monkeypatch, fault_table
):
    monkeypatch.setattr(report, "timestamp", lambda: "20260101T000000")
    workspace, listing, reporting, scanned = analysis.workspace(tmp_path / "ws"), Gate(), Gate(), Gate()

    scan, asked = analyze.scan, (workspace, "analyze", analysis.settings, {})

    def held_scan(*arguments):
        listing.hold()
        yield from scan(*arguments)

    with patch.object(analyze, "scan", held_scan):
        slow = start_job(*asked, moment=Moment("folder", 1), act=reporting.hold)
    until(slow, lambda: scanned_before(workspace, analysis.images))
    quick = start_job(*asked, moment=Moment("event", 2), act=scanned.hold)
    assert quick.reached(Moment("event", 2)), "it has listed the folder, and forgets now what is gone"
    listing.open()
    assert slow.reached(Moment("folder", 1)), "it has measured all, and puts its report in its place"
    scanned.open()
    assert quick.wait() == 0, log_of(quick)
    reporting.open()
    assert slow.wait() == 0, log_of(slow)
    analysis.check(workspace)
    assert analysis.left(workspace) == analysis.whole
    assert sorted(path.name for path in workspace.validation.glob("*")) == [
        "analysis_20260101T000000", "analysis_20260101T000000-2",
    ]  # fmt: skip
    fault_table(fault="two analyses at once", where="one folder", saw="two reports", lost="nothing")


@pytest.mark.slow
def test_a_new_database_is_made_by_four_processes_at_once(tmp_path):
    """SQLite refuses at once, whatever its timeout, where two of them turn to a write-ahead log in the same moment."""
    for number in range(200):
        read, write = os.pipe()
        children = []
        for _ in range(4):
            children.append(os.fork())
            if not children[-1]:
                os.read(read, 1)
                try:
                    open_records(tmp_path / f"{number}.sqlite")
                finally:
                    os._exit(sys.exc_info()[0] is not None)
        os.write(write, b"four")
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4, number
        os.close(read)
        os.close(write)


def test_a_transaction_that_reads_first_waits_for_its_turn_while_others_write(tmp_path):
    path, count = tmp_path / "fext.sqlite", 3000
    with open_records(path) as records:
        files = (ScannedFile(f"{i}.png", 1, 1, "", ".png") for i in range(count))
        assert list(record_scan(records, tmp_path, files))[-1] == count
        writer = os.fork()
        if not writer:
            with open_records(path) as others:
                while True:
                    set_note(others, "r", "written all the time")
        try:
            for _ in range(20):
                record_splits(records, 1, np.ones(count, np.uint8))
        finally:
            os.kill(writer, signal.SIGKILL)
            os.waitpid(writer, 0)
