"""Jobs: events, folders, locks, and processes that end in every way they can."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs import platform
from fext_engine.jobs.death import explain_death
from fext_engine.jobs.events import EVENTS_FILE, Event, EventReader, EventWriter, parse_event
from fext_engine.jobs.folder import claim, create_job, is_alive, read_pid, read_request, write_pid
from fext_engine.jobs.run import run_here, run_job
from fext_engine.jobs.settle import note_told, take_ends
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.records import open_records
from fext_engine.records.jobs import record_start
from fext_engine.settings import Settings
from fext_engine.workspace import find_workspace

SCRIPTED = Path(__file__).parent / "scripted"
ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def workspace(tmp_path):
    return find_workspace(tmp_path / "resources")


@pytest.fixture
def supervisor(workspace, monkeypatch):
    """A supervisor whose processes, like this one, know the scripted verbs; none outlives the test."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SCRIPTED), str(ROOT)]))
    supervisor = Supervisor(workspace)
    yield supervisor
    for job in supervisor.active():
        supervisor.stop(job.id, hard=True)


@pytest.fixture
def scripted(monkeypatch):
    """The scripted verbs in this process too."""
    from fext_engine.jobs import verbs

    monkeypatch.syspath_prepend(str(SCRIPTED))
    names = ("count", "refuse", "crash", "deaf")
    monkeypatch.setattr(verbs, "VERBS", verbs.VERBS | {name: f"scripted_verbs:{name}" for name in names})


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def kinds(events):
    return [event.kind for event in events if event.kind != "progress"]


def recorded_states(records):
    return dict(tuple(row) for row in records.connection.execute("SELECT id, state FROM jobs"))


def begun(supervisor, job_id):
    """Wait until the job says something of its own."""
    folder = supervisor.workspace.jobs / job_id
    return wait_for(lambda: [e for e in EventReader(folder).read() if e.kind != "started"])


# Events


def test_an_event_survives_the_way_through_json():
    event = Event("metric", {"epoch": 3, "values": {"loss": 0.5}}, 1.25)
    assert parse_event(event.to_json()) == event


def test_values_that_json_lacks_become_plain_ones():
    data = {
        "nan": float("nan"),
        "inf": [np.float32("inf")],
        "half": np.float32(0.5),
        "n": np.int64(7),
        "p": Path("a"),
    }
    event = parse_event(Event("log", data).to_json())
    assert event.data == {"nan": None, "inf": [None], "half": 0.5, "n": 7, "p": "a"}
    assert "\n" not in Event("log", {"message": "two\nlines \u2028"}).to_json()


@pytest.mark.parametrize(
    "line", [b"", b"{", b"null", b"[1]", b'{"kind": "dance"}', b'{"kind": []}', b"\xff\xfe", b"[" * 100_000]
)
def test_foreign_lines_are_no_events(line):
    assert parse_event(line) is None


def test_a_time_that_is_none_is_zero():
    assert parse_event('{"kind": "log", "time": 1' + "0" * 400 + "}").time == 0.0


def test_the_reader_waits_for_whole_lines_and_skips_foreign_ones(tmp_path):
    reader = EventReader(tmp_path)
    assert reader.read() == []
    with (tmp_path / "events.jsonl").open("ab", buffering=0) as file:
        file.write(b'{"kind": "log", "message": "one"}\nnoise\n{"kind": "log", "mess')
        assert [e.data["message"] for e in reader.read()] == ["one"]
        assert reader.read() == []
        file.write(b'age": "two"}\n')
        assert [e.data["message"] for e in reader.read()] == ["two"]


def test_the_reader_reads_on_in_blocks_and_past_a_line_longer_than_one(tmp_path):
    writer = EventWriter(tmp_path)
    for message in ("a", "b" * 5000, "c"):
        writer.write(Event("log", {"message": message}))
    writer.close()
    reader, found = EventReader(tmp_path), []
    while events := reader.read(limit=100):
        found += [e.data["message"] for e in events]
    assert found == ["a", "b" * 5000, "c"]


def test_a_new_writer_ends_the_half_line_that_a_killed_one_left(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b'{"kind": "log", "mess')
    writer = EventWriter(tmp_path)
    writer.write(Event("stopped", {"message": "ended"}))
    writer.close()
    assert kinds(EventReader(tmp_path).read()) == ["stopped"]


# A job in this process


def test_a_job_that_works(workspace, scripted):
    events = []
    summary = run_here(workspace, "count", Settings(), {"steps": 3}, events.append)
    assert summary["steps"] == 3
    assert kinds(events) == ["started", *["metric"] * 3, "log", "artifact", "finished"]
    assert events[-1].data["summary"]["best_val_loss"] == 0.123456
    (job,) = Supervisor(workspace).jobs()
    assert (job.state, job.verb, job.is_active, job.progress.data["done"]) == ("finished", "count", False, 3)
    with open_records(workspace.database) as records:
        row = records.connection.execute("SELECT * FROM jobs").fetchone()
    assert (row["id"], row["state"], row["verb"]) == (job.id, "finished", "count")


def test_the_request_comes_back_as_it_was_given(workspace):
    settings = Settings().with_options({"training.epochs": 7, "dataset.images": "/a/[b] \u202e"})
    folder = create_job(workspace, "train", settings, {"name": 'quo"te\\n', "none": None})
    request = read_request(folder)
    assert (request.settings, request.arguments, request.verb) == (settings, {"name": 'quo"te\\n'}, "train")
    assert abs(request.created - time.time()) < 10


def test_a_users_error_is_told_in_the_event_and_raised(workspace, scripted):
    events = []
    with pytest.raises(FextError, match="the folder is empty; put images there"):
        run_here(workspace, "refuse", Settings(), None, events.append)
    assert events[-1].kind == "failed"
    assert events[-1].data == {"error": "the folder is empty", "do": "put images there"}


def test_a_fault_is_told_with_its_traceback_and_raised_as_one_line(workspace, scripted):
    events = []
    with pytest.raises(FextError) as caught:
        run_here(workspace, "crash", Settings(), None, events.append)
    assert "\n" not in str(caught.value)
    assert "ZeroDivisionError: one by zero" in str(caught.value)
    assert "Traceback" in events[-1].data["traceback"]


def test_an_unknown_verb_is_refused_by_name(workspace):
    with pytest.raises(FextError, match="no job called 'dance'"):
        run_here(workspace, "dance", Settings())
    assert Supervisor(workspace).jobs()[0].state == "failed"


def test_a_broken_job_file_is_told_and_left_out_of_the_list(workspace):
    folder = create_job(workspace, "train", Settings(), {})
    (folder / "job.toml").write_text('verb = "train"\n[settings]\ndataset = 5\n')
    (workspace.jobs / "stray file").touch()
    with pytest.raises(FextError, match=r"job\.toml cannot be read"):
        run_job(workspace, folder)
    assert Supervisor(workspace).jobs() == []


def test_a_folder_name_that_is_not_utf8_is_refused_and_leaves_nothing(workspace):
    with pytest.raises(FextError, match="not valid UTF-8"):
        create_job(workspace, "encode", Settings(), {"input": "/a\udcff"})
    assert list(workspace.jobs.iterdir()) == []


def test_a_job_runs_once(workspace, scripted):
    folder = create_job(workspace, "count", Settings(), {})
    run_job(workspace, folder)
    with pytest.raises(FextError, match="has run already"):
        run_job(workspace, folder)
    assert kinds(EventReader(folder).read())[-1] == "finished"


def test_an_asked_stop_before_the_start_is_heard(workspace, scripted):
    folder = create_job(workspace, "deaf", Settings(), {})
    Supervisor(workspace).stop(folder.name)
    with pytest.raises(JobStopped):
        run_job(workspace, folder)
    assert Supervisor(workspace).find(folder.name).state == "stopped"


@posix
def test_signals_stop_the_verb_and_are_given_back(workspace, scripted):
    before = signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(JobStopped, match="stopped after"):
        run_here(workspace, "count", Settings(), {"steps": 1000, "seconds": 0.01})
    assert signal.getsignal(signal.SIGINT) is before
    (job,) = Supervisor(workspace).jobs()
    assert job.state == "stopped"
    assert job.last.data["resumable"] is True


def test_a_job_runs_outside_the_main_thread(workspace, scripted):
    results = []
    thread = threading.Thread(target=lambda: results.append(run_here(workspace, "count", Settings())))
    thread.start()
    thread.join()
    assert results[0]["steps"] == 3


@posix
def test_files_that_cannot_grow_fail_the_job_in_words(workspace, monkeypatch):
    folder = create_job(workspace, "count", Settings(), {"steps": 1000, "seconds": 0})
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom fext_engine.errors import FextError\n"
        "from fext_engine.jobs.run import run_job\nfrom fext_engine.workspace import Workspace\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try:\n    run_job(Workspace(Path(sys.argv[1])), Path(sys.argv[2]))\n"
        "except FextError as error:\n    print('told:', error)"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SCRIPTED), str(ROOT)]))
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"told: File too large at {folder / EVENTS_FILE}; " in done.stdout
    events = EventReader(folder).read()
    assert kinds(events)[0] == "started"
    assert set(kinds(events)[1:]) == {"metric", "log"}  # the log says that the database cannot grow either
    assert not is_alive(folder)


def test_a_damaged_database_does_not_end_the_work(workspace, scripted):
    workspace.database.write_bytes(b"this is no database" * 100)
    assert run_here(workspace, "count", Settings())["steps"] == 3


# Locks and process ids


def test_the_lock_tells_life_within_one_process_and_goes_with_it(workspace):
    folder = create_job(workspace, "count", Settings(), {})
    assert not is_alive(folder)
    with claim(folder):
        assert is_alive(folder)
        with pytest.raises(FextError, match="runs already"), claim(folder):
            pass
    assert not is_alive(folder)


def test_a_process_id_is_believed_only_with_the_lock_and_its_start(workspace):
    folder = create_job(workspace, "count", Settings(), {})
    write_pid(folder)
    assert read_pid(folder) is None
    with claim(folder):
        assert read_pid(folder) == os.getpid()
        (folder / "pid").write_text(f"{os.getpid()} 1.0")  # the id of a process that ended, given out again
        assert read_pid(folder) is None
        (folder / "pid").write_text("")
        assert read_pid(folder) is None


def test_a_hard_stop_of_a_dead_job_ends_no_stranger(workspace):
    folder = create_job(workspace, "count", Settings(), {})
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        (folder / "pid").write_text(f"{stranger.pid} 1.0")
        with claim(folder):
            Supervisor(workspace).stop(folder.name, hard=True)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


# Jobs in processes of their own


def test_start_and_follow_to_the_end(supervisor):
    job_id = supervisor.start("count", Settings(), {"steps": 5})
    events = list(supervisor.follow(job_id))
    assert kinds(events) == ["started", *["metric"] * 5, "log", "artifact", "finished"]
    assert kinds(Supervisor(supervisor.workspace).follow(job_id)) == kinds(events)
    assert supervisor.find(job_id).state == "finished"
    assert supervisor.active() == []


def test_another_supervisor_attaches_in_the_middle_and_sees_everything(supervisor):
    job_id = supervisor.start("count", Settings(), {"steps": 60, "seconds": 0.02})
    begun(supervisor, job_id)
    other = Supervisor(supervisor.workspace)
    assert other.find("latest").state == "running"
    metrics = [e.data["epoch"] for e in other.follow(job_id) if e.kind == "metric"]
    assert metrics == list(range(1, 61))


def test_following_can_be_cancelled(supervisor):
    job_id = supervisor.start("count", Settings(), {"steps": 10_000})
    begun(supervisor, job_id)
    seen = []
    for event in supervisor.follow(job_id, cancelled=lambda: len(seen) > 3):
        seen.append(event)
    assert supervisor.find(job_id).is_active


def test_a_gentle_stop(supervisor):
    job_id = supervisor.start("count", Settings(), {"steps": 10_000})
    begun(supervisor, job_id)
    supervisor.stop(job_id)
    last = list(supervisor.follow(job_id))[-1]
    assert last.kind == "stopped"
    assert "stopped after" in last.data["message"]
    assert supervisor.find(job_id).state == "stopped"


def test_a_stop_right_after_the_start_is_heard_too(supervisor):
    job_id = supervisor.start("count", Settings(), {"steps": 10_000})
    Supervisor(supervisor.workspace).stop(job_id)
    assert list(supervisor.follow(job_id))[-1].kind == "stopped"


def test_a_hard_stop_ends_the_deaf_and_their_workers(supervisor):
    job_id = supervisor.start("family", Settings())
    (said,) = begun(supervisor, job_id)
    worker = int(said.data["message"].split()[1])
    supervisor.stop(job_id, hard=True)
    assert supervisor.find(job_id).state == "stopped"
    last = list(supervisor.follow(job_id))[-1]
    assert (last.kind, last.data["resumable"]) == ("stopped", False)
    wait_for(lambda: not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE)


@posix
def test_a_second_request_ends_the_job_at_once(supervisor):
    job_id = supervisor.start("deaf", Settings())
    begun(supervisor, job_id)
    supervisor.stop(job_id)
    time.sleep(0.2)
    assert supervisor.find(job_id).is_active
    supervisor.stop(job_id)
    assert list(supervisor.follow(job_id))[-1].data["resumable"] is False


def test_a_hard_stop_after_half_a_line_is_readable(supervisor):
    job_id = supervisor.start("unfinished", Settings())
    folder = supervisor.workspace.jobs / job_id
    path = folder / "events.jsonl"
    wait_for(lambda: path.exists() and path.read_bytes().endswith(b'"mess'))
    supervisor.stop(job_id, hard=True)
    assert kinds(EventReader(folder).read()) == ["started", "stopped"]


@posix
def test_a_killed_process_is_reported_as_died_with_its_last_words(supervisor):
    job_id = supervisor.start("die", Settings())
    last = list(supervisor.follow(job_id))[-1]
    assert last.kind == "failed"
    assert "signal 9" in last.data["error"]
    assert "last words \ufffd" in last.data["traceback"]
    for view in (supervisor, Supervisor(supervisor.workspace)):
        assert view.find(job_id).state == "died"
    assert list(Supervisor(supervisor.workspace).follow(job_id))[-1].kind == "failed"


@posix
def test_every_end_is_recorded_and_given_to_one_who_tells_it(supervisor, scripted):
    """Two that ask at once, as two UIs that start: one gets the ends, the other and all later ones nothing."""
    workspace = supervisor.workspace
    died, good, failed, seen = (supervisor.start(verb, Settings()) for verb in ("die", "count", "refuse", "count"))
    for started in (died, good, failed, seen):
        list(supervisor.follow(started))
    run_here(workspace, "count", Settings())  # in sight of whoever called it
    note_told(supervisor, seen)
    removed = create_job(workspace, "count", Settings(), {})
    with open_records(workspace.database) as records:
        wait_for(lambda: recorded_states(records)[failed] == "failed")
        assert recorded_states(records)[died] == "running", "as its process left it"
        record_start(records, removed.name, "count", None)
        record_start(records, good, "count", None)  # as if the database had been locked at its end
    shutil.rmtree(removed)
    told, both = [], threading.Barrier(2)

    def tell():
        both.wait()
        told.extend(take_ends(Supervisor(workspace)))

    askers = [threading.Thread(target=tell) for _ in range(2)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    ends = {end.id: end for end in told}
    assert len(told) == 3 and {name: end.state for name, end in ends.items()} == {
        died: "died", good: "finished", failed: "failed",
    }  # fmt: skip
    assert "without a word" in ends[died].message and "memory" in ends[died].message
    assert ends[failed].message and take_ends(Supervisor(workspace)) == []
    with open_records(workspace.database) as records:
        states = recorded_states(records)
    assert (states[died], states[good], states[removed.name]) == ("died", "finished", "died")


def test_the_reason_of_a_death_as_far_as_it_can_be_known(workspace, monkeypatch):
    folder = create_job(workspace, "count", Settings(), {})
    assert "memory ran out" in explain_death(folder).data["do"]
    monkeypatch.setattr(psutil, "boot_time", lambda: time.time() + 5)
    assert "restarted" in explain_death(folder).data["do"]
    (folder / "output.log").write_text("Fatal Python error: Segmentation fault\n\nThread 0x1:\n  File x\n")
    assert "a library crashed: Segmentation fault" in explain_death(folder).data["do"]


def test_a_job_at_work_has_no_end(supervisor):
    job_id = supervisor.start("deaf", Settings())
    begun(supervisor, job_id)
    assert take_ends(Supervisor(supervisor.workspace)) == []
    with open_records(supervisor.workspace.database) as records:
        assert recorded_states(records) == {job_id: "running"}


def test_a_stop_of_an_ended_job_changes_nothing(supervisor):
    job_id = supervisor.start("count", Settings())
    list(supervisor.follow(job_id))
    before = sorted((supervisor.workspace.jobs / job_id).iterdir())
    supervisor.stop(job_id, hard=True)
    assert sorted((supervisor.workspace.jobs / job_id).iterdir()) == before
    assert supervisor.find(job_id).state == "finished"


def test_a_running_job_cannot_be_run_again(supervisor, workspace):
    job_id = supervisor.start("count", Settings(), {"steps": 10_000})
    begun(supervisor, job_id)
    with pytest.raises(FextError, match="runs already"):
        run_job(workspace, workspace.jobs / job_id)
    assert supervisor.find(job_id).is_active


@posix
def test_the_process_has_a_session_of_its_own_a_lower_priority_and_survives_a_hangup(supervisor):
    job_id = supervisor.start("count", Settings(), {"steps": 10_000})
    begun(supervisor, job_id)
    pid = read_pid(supervisor.workspace.jobs / job_id)
    assert os.getsid(pid) == pid
    assert psutil.Process(pid).nice() > psutil.Process().nice()
    if (session := Path(f"/proc/{pid}/autogroup")).exists():
        assert session.read_text().endswith(f"nice {platform.SESSION_NICENESS}\n")
    os.kill(pid, signal.SIGHUP)
    time.sleep(0.3)
    assert supervisor.find(job_id).state == "running"


@posix
def test_the_job_outlives_the_process_that_started_it(supervisor, workspace):
    code = (
        "import sys, os\nfrom pathlib import Path\n"
        "from fext_engine.jobs.supervisor import Supervisor\nfrom fext_engine.settings import Settings\n"
        "from fext_engine.workspace import Workspace\n"
        "print(Supervisor(Workspace(Path(sys.argv[1]))).start('count', Settings(), {'steps': 40}), flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    events = list(supervisor.follow(done.stdout.strip()))
    assert events[-1].kind == "finished"


def test_jobs_are_found_by_a_beginning_and_by_latest(workspace):
    first = create_job(workspace, "train", Settings(), {}).name
    supervisor = Supervisor(workspace)
    assert (
        supervisor.find("latest").id == supervisor.find(first[:-1]).id == supervisor.find(first).id == first
    )
    create_job(workspace, "train", Settings(), {})
    with pytest.raises(FextError, match="several jobs begin with"):
        supervisor.find(first[:4])
    with pytest.raises(FextError, match="no job"):
        supervisor.find("nothing")
    with pytest.raises(FextError, match="no job"):
        supervisor.find("")


# Progress


def test_progress_is_throttled_with_a_steady_rate_and_an_honest_eta(workspace, monkeypatch):
    from fext_engine.jobs import verbs
    from fext_engine.jobs.job import Job

    def steady(job: Job):
        for done in range(151):
            job.progress("work", done, 150)
            time.sleep(0.01)
        return {}

    module = type(sys)("steady_verb")
    module.steady = steady
    monkeypatch.setitem(sys.modules, "steady_verb", module)
    monkeypatch.setitem(verbs.VERBS, "steady", "steady_verb:steady")
    events = []
    run_here(workspace, "steady", Settings(), None, events.append)
    told = [e.data for e in events if e.kind == "progress"]
    assert 3 <= len(told) <= 14
    assert told[-1]["done"] == 150
    assert told[-1]["eta"] == 0
    for data in told[2:]:
        assert 30 < data["rate"] < 101
        assert data["eta"] == pytest.approx((150 - data["done"]) / data["rate"])


def test_a_slow_start_does_not_spoil_the_rate_for_long():
    from fext_engine.jobs.job import _Stage

    stage, done = _Stage("training"), 0
    stage.rate(0, 0.0)
    stage.rate(1, 3.0)  # the first step warms up for three seconds
    for tick in range(1, 21):
        done = 1 + tick * 25
        rate = stage.rate(done, 3.0 + tick * 0.25)
    assert 60 < rate < 100  # after five seconds at 100 a second


def test_a_week_of_training_is_told_in_fewer_events():
    from fext_engine.jobs.job import _Stage

    stage = _Stage("training")
    minute = sum(stage.is_due(tick, None, tick / 10) for tick in range(600))
    hour = sum(stage.is_due(tick, None, tick / 10) for tick in range(600, 36_000))
    assert minute >= 190
    assert hour <= 2100


def test_platform_differences_live_in_one_module():
    for path in (ROOT / "fext_engine" / "jobs").glob("*.py"):
        text = path.read_text()
        if path.name != Path(platform.__file__).name:
            assert "sys.platform" not in text
            assert "os.name" not in text
