"""The whole program in a real terminal: the tour by keys, and work that outlives the program that shows it."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hostile import encode, picture

from fext_engine.jobs.events import EventReader
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.presets import load_last_used
from fext_engine.settings import Settings
from fext_engine.training.history import read_history
from fext_engine.workspace import find_workspace

pty = pytest.importorskip("pty", reason="pseudo-terminals are of POSIX")
from pseudo_terminal import PseudoTerminal  # noqa: E402

PROJECT = Path(__file__).parents[2]
FEXT = [sys.executable, "-m", "fext_engine"]
TINY = {
    "dataset.image_height": 16, "dataset.image_width": 16, "training.epochs": 2, "training.batch_size": 4,
    "training.jit": "off", "device.device": "cpu",
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path):
    workspace = find_workspace(tmp_path / "resources")
    yield workspace
    supervisor = Supervisor(workspace)
    for job in supervisor.active():
        supervisor.stop(job.id, hard=True)


@pytest.fixture
def environment(tmp_path):
    """What a person's shell has, no colours asked for, no settings of FeXT, and no size but the terminal's own."""
    others = ("FEXT", "TEXTUAL", "NO_COLOR", "COLORTERM", "TMUX", "COLUMNS", "LINES")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    return kept | {"TERM": "xterm-256color", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8"}


@pytest.fixture
def terminals(tmp_path):
    """Start a program in a terminal; all terminals are closed at the end."""
    opened = []

    def start(command, env) -> PseudoTerminal:
        opened.append(PseudoTerminal(command, tmp_path, env))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.fixture
def fext(workspace, environment, terminals):
    """Start FeXT in a terminal."""
    return lambda **variables: terminals([*FEXT, "--resources", str(workspace.root)], environment | variables)


def make_images(folder: Path, count: int = 12) -> None:
    for i in range(count):
        path = folder / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(picture(i, 24, 24), "PNG"))


def remember(workspace, **changes) -> None:
    """Make tiny settings the ones used last."""
    from fext_engine.presets import save_last_used

    save_last_used(workspace, Settings().with_options(TINY | {k.replace("__", "."): v for k, v in changes.items()}))


def job_of(workspace, verb, seconds=60.0):
    """Wait until there is a job of that verb with something of its own to tell."""
    supervisor, end = Supervisor(workspace), time.monotonic() + seconds
    while time.monotonic() < end:
        for job in supervisor.jobs():
            if job.verb == verb and job.last is not None:
                return job
        time.sleep(0.05)
    raise AssertionError(f"no {verb} in {seconds} s")


def finished(workspace, job_id, seconds=120.0):
    """Wait for the end of a job; returns its events."""
    end = time.monotonic() + seconds
    events = list(Supervisor(workspace).follow(job_id, cancelled=lambda: time.monotonic() > end))
    assert events[-1].kind == "finished", events[-1]
    return events


def test_the_program_is_killed_in_training_and_the_next_one_shows_the_whole_curve(workspace, fext):
    make_images(workspace.images)
    remember(workspace, training__epochs=10)
    first = fext()
    first.wait_for("12 images found")
    first.press("2")
    first.wait_for("No runs yet")
    first.press("t")
    first.wait_for("epoch|running", 90)
    job = job_of(workspace, "train")
    while not any(event.kind == "metric" for event in EventReader(job.folder).read()):
        assert Supervisor(workspace).find(job.id).is_active
        time.sleep(0.02)
    os.kill(first.process.pid, signal.SIGKILL)
    first.wait()
    assert Supervisor(workspace).find(job.id).is_active, "the job ended with the program"

    second = fext()
    second.wait_for("12 images found")
    second.press("2")
    second.wait_for(r"finished +10/10\b", 120)  # the list of runs: all ten epochs
    events = finished(workspace, job.id)
    assert [event.data["epoch"] for event in events if event.kind == "metric"] == list(range(1, 11))
    run = next(workspace.checkpoints.iterdir())
    assert [record.epoch for record in read_history(run / "history.csv")] == list(range(1, 11))
    second.wait_for(r"\b10 +│.*\n.*\bepoch\b")  # and the curve's axis
    second.press("q")
    with contextlib.suppress(AssertionError):  # asked only where the program has not heard of the job's end yet
        second.wait_for("Leave it running", 5)
        second.press("l")
    assert second.wait() == 0


def test_a_dropped_connection_and_a_polite_kill_leave_the_job_at_work(workspace, fext):
    make_images(workspace.images)
    remember(workspace, training__epochs=2000)
    terminal = fext()
    terminal.wait_for("12 images found")
    terminal.press("2")
    terminal.wait_for("No runs yet")
    terminal.press("t")
    job = job_of(workspace, "train")
    os.kill(terminal.process.pid, signal.SIGHUP)
    terminal.wait()
    assert Supervisor(workspace).find(job.id).is_active
    other = fext()
    other.wait_for("train .*x stop")
    os.kill(other.process.pid, signal.SIGTERM)
    other.wait()
    assert "\x1b[?1049l" in other.raw, "the terminal was not given back as it was"
    assert Supervisor(workspace).find(job.id).is_active


def test_a_terminal_that_goes_without_a_signal_ends_the_program_not_the_job(workspace, environment):
    """As in a container whose shell is cut off: the terminal controls nothing, so there is no SIGHUP."""
    make_images(workspace.images)
    remember(workspace, training__epochs=2000)
    job = Supervisor(workspace).start("train", load_last_used(workspace))
    master, slave = os.openpty()
    command = [*FEXT, "--resources", str(workspace.root)]
    program = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
    os.close(slave)
    shown = b""
    while b"12 images found" not in shown:
        shown += os.read(master, 1 << 16)
    os.close(master)
    assert program.wait(30) == 0
    assert Supervisor(workspace).find(job).is_active


def test_without_a_terminal_one_sentence_names_the_way_without_one(workspace, environment, fext):
    command = [*FEXT, "--resources", str(workspace.root)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "`fext train`" in done.stderr and "fext --help" in done.stderr
    dumb = fext(TERM="dumb")
    assert dumb.wait() == 2
    assert "fext --help" in dumb.text and "\x1b" not in dumb.raw


def test_a_resources_folder_that_cannot_be_made_is_one_sentence(tmp_path, environment, terminals):
    (tmp_path / "file").touch()
    terminal = terminals([*FEXT, "--resources", str(tmp_path / "file" / "in")], environment)
    assert terminal.wait() == 1
    assert "cannot create the resources folder" in terminal.raw and "Traceback" not in terminal.raw


def test_a_fault_of_the_ui_gives_the_terminal_back_with_one_sentence(workspace, environment, terminals):
    code = f"import fext_tui.app as a; a.FextApp.action_jobs = lambda self: 1 // 0; raise SystemExit(a.run({str(workspace.root)!r}))"
    terminal = terminals([sys.executable, "-c", code], environment)
    terminal.wait_for("There are no images here yet")
    terminal.press("J")
    assert terminal.wait() == 1
    (crash,) = workspace.logs.glob("crash_*.txt")
    assert "ZeroDivisionError" in crash.read_text()
    last = terminal.raw.partition("\x1b[?1049l")[2]
    assert str(crash) in last and "Traceback" not in last


def test_stopping_the_program_resizing_and_copying_while_a_job_runs(workspace, environment, terminals, monkeypatch):
    """Ctrl-Z gives the shell its terminal back, fg draws everything again, the job goes on meanwhile."""
    make_images(workspace.images)
    scripted = os.pathsep.join([str(PROJECT / "tests" / "engine" / "scripted"), str(PROJECT)])
    monkeypatch.setenv("PYTHONPATH", scripted)
    job = Supervisor(workspace).start("count", Settings(), {"steps": 100_000, "seconds": 0.02})
    shell = terminals(["bash", "--norc", "--noprofile", "-i"], environment | {"PYTHONPATH": scripted, "PS1": "shell> "})
    shell.wait_for("shell>")
    shell.press(shlex.join([*FEXT, "--resources", str(workspace.root)]) + "\r")
    shell.wait_for(r"count +.*steps/s.*x stop")
    shell.press("\x1a")
    shell.wait_for("Stopped")
    at = len(EventReader(workspace.jobs / job).read())
    before = len(shell.raw)
    shell.press("fg\r")
    shell.wait_for(r"FeXT +1 Data(.|\n)*12 images found(.|\n)*count +")
    assert "12 images found" in shell.raw[before:], "drawn again, not left from before"
    assert len(EventReader(workspace.jobs / job).read()) > at
    shell.resize(80, 24)
    shell.wait_for(r"count +")
    shell.resize(10, 3)
    shell.resize(160, 50)
    shell.wait_for(r"12 images found(.|\n)*count +")
    shell.press("y")
    shell.wait_for("Copied")
    copied = re.search("\x1b]52;c;([^\x07]*)\x07", shell.raw)
    assert base64.b64decode(copied[1]).decode() == str(workspace.images / "a" / "00.png")
    shell.press("q")
    shell.wait_for("Leave it running")
    shell.press("l")
    shell.wait_for("shell>")
    shell.press("exit\r")
    assert shell.wait() == 0
    assert Supervisor(workspace).find(job).is_active


@pytest.mark.slow
def test_the_tour_by_keys(workspace, fext):
    """An empty folder, the sample dataset, its analysis, a training, its metrics, latent vectors: by keys alone."""
    remember(workspace)
    terminal = fext()
    terminal.wait_for("There are no images here yet")
    terminal.press("m")
    terminal.wait_for(" images found", 60)
    terminal.press("a")
    terminal.wait_for("report analysis_", 120)
    terminal.press("]]")
    terminal.wait_for("median")
    terminal.press("2")
    terminal.wait_for("No runs yet")
    terminal.press("t")
    terminal.wait_for("train.* finished", 180)
    terminal.press("v")
    terminal.wait_for("evaluate.* finished", 120)
    terminal.press("e")
    terminal.wait_for("Encode a folder")
    while "path of a folder" not in terminal.text:  # shown as soon as the line has the focus and is empty
        terminal.press("\x15")
        time.sleep(0.2)
    terminal.press(str(workspace.images) + "\r")
    terminal.wait_for("encode.* finished", 120)
    terminal.resize(200, 60)
    terminal.press("3]]")
    terminal.wait_for("epoch_0001")
    terminal.press("q")
    assert terminal.wait() == 0
    assert len(list(workspace.inference.glob("*/latents.npy"))) == 1
    assert len(list(workspace.checkpoints.glob("*/evaluation/report.json"))) == 1
