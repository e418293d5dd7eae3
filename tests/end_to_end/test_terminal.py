"""The whole program in a real terminal: the tour by keys, and work that outlives the program that shows it."""

from __future__ import annotations

import base64
import contextlib
import csv
import os
import re
import shlex
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
from hostile import encode, picture
from textual.drivers._writer_thread import WriterThread

from fext_engine.jobs.events import EventReader
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.presets import load_last_used, save_last_used, save_preset
from fext_engine.settings import Settings
from fext_engine.training.history import read_history
from fext_engine.workspace import find_workspace
from fext_tui.lost_terminal import LastingFile

pty = pytest.importorskip("pty", reason="pseudo-terminals are of POSIX")
from pseudo_terminal import PseudoTerminal  # noqa: E402
from tmux import Tmux  # noqa: E402

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


@pytest.fixture
def tmux(tmp_path, environment):
    """A tmux server, to be started."""
    server = Tmux(tmp_path, environment)
    yield server
    server.close()


def make_images(folder: Path, count: int = 12) -> None:
    for i in range(count):
        path = folder / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(picture(i, 24, 24), "PNG"))


def remember(workspace, **changes) -> None:
    """Make tiny settings the ones used last."""
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


@pytest.mark.slow
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


def test_what_is_drawn_for_a_terminal_that_is_gone_holds_nothing_up():
    """Textual's queue for output has room for 30 pieces; with nobody to take them out, leaving would wait for ever."""
    master, slave = os.openpty()
    writer = WriterThread(LastingFile(os.fdopen(slave, "w")))
    writer.start()
    os.close(master)

    def draw_and_leave() -> None:
        for _ in range(100):
            writer.write("x")
        writer.stop()

    leaving = threading.Thread(target=draw_and_leave, daemon=True)
    leaving.start()
    leaving.join(20)
    assert not leaving.is_alive()


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
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_the_tour_of_the_readme_in_tmux_whatever_happens_to_the_terminal(workspace, tmux, terminals):
    """From an empty folder to latent vectors by keys alone, while the window is resized, left and killed in training."""
    few = {"dataset.sample_size": 0.1, "training.epochs": 5000, "training.keep_last": 2, "session.additional_epochs": 2}
    save_preset(workspace, "a tiny one", Settings().with_options(TINY | few))
    training = r"FeXT +1 Data(.|\n)*running +\d+/5000(.|\n)* train "
    fext = [*FEXT, "--resources", str(workspace.root)]

    tmux.start(["env", "PS1=shell> ", "bash", "--norc", "--noprofile", "-i"])
    tmux.wait_for("shell>")
    tmux.type(shlex.join(fext))
    tmux.press("Enter")
    tmux.wait_for("There are no images here yet")
    tmux.press("m")
    tmux.wait_for(r"[1-9]\d* images found")
    tmux.press("a")
    tmux.wait_for("report analysis_", 120)
    tmux.press("]")
    tmux.wait_for("near duplicate")  # one of the faults that the sample has for Health to find
    tmux.press("2")
    tmux.wait_for("No runs yet")
    tmux.press("p")
    tmux.wait_for("a tiny one")
    tmux.press("G", "Enter")
    tmux.wait_for("No runs yet")
    tmux.press("t")
    job = job_of(workspace, "train")
    assert job.state == "running", job

    def trained() -> list[int]:
        return [event.data["epoch"] for event in EventReader(job.folder).read() if event.kind == "metric"]

    def trains_on(seconds: float = 60.0) -> None:
        before, end = len(trained()), time.monotonic() + seconds
        while len(trained()) <= before:
            assert time.monotonic() < end and Supervisor(workspace).find(job.id).is_active
            time.sleep(0.1)

    trains_on()
    tmux.do("resize-window", "-x", "140", "-y", "45")
    tmux.wait_for(r"Settings · a tiny one(.|\n)*running(.|\n)* train ")
    tmux.do("resize-window", "-x", "12", "-y", "4")
    tmux.do("resize-window", "-x", "80", "-y", "24")
    assert "Settings ·" not in tmux.wait_for(training), "there is no room for it"

    tmux.press("C-z")
    tmux.wait_for("Stopped")
    trains_on()
    tmux.type("fg")
    tmux.press("Enter")
    tmux.wait_for(training)

    tmux.do("set-option", "-w", "window-size", "latest")
    client = terminals([*tmux.command, "attach"], tmux.env)  # of 120 columns
    tmux.wait_for(r"Settings · a tiny one(.|\n)*running(.|\n)* train ")
    client.press("\x02d")
    assert client.wait() == 0 and "detached" in client.raw
    trains_on()
    client = terminals([*tmux.command, "attach"], tmux.env)
    client.press("L")
    tmux.wait_for("Log · info")
    shell = tmux.program
    programs = [shell, *shell.children()]
    tmux.kill()
    client.wait()
    assert len(programs) == 2 and not psutil.wait_procs(programs, timeout=30)[1], "shell and FeXT have gone"
    trains_on()

    tmux.start(fext, 120, 40)
    tmux.wait_for("report analysis_")
    tmux.press("2")
    tmux.wait_for(r"running +\d+/5000")
    tmux.press("]", "G")
    tmux.wait_for(r"(?m)^│.*│ +2 .*$\n.* 1 +0\.\d+ +0\.\d+ .*$")  # the list of epochs, down to the first one
    tmux.wait_for(r"┤(.|\n)*└.*┬(.|\n)*\bepoch\b")
    tmux.press("[", "x")
    tmux.wait_for(r"stopped +\d+/5000")
    run = next(workspace.checkpoints.iterdir())
    epochs = len(trained())
    assert trained() == [record.epoch for record in read_history(run / "history.csv")] == list(range(1, epochs + 1))
    tmux.press("r")
    tmux.wait_for(rf"finished +{epochs + 2}/{epochs + 2}\b", 120)
    tmux.press("v")
    finished(workspace, job_of(workspace, "evaluate").id)
    tmux.press("e")
    tmux.wait_for("Encode a folder")
    tmux.press("C-u")
    tmux.wait_for("path of a folder")  # the line is empty
    tmux.type(str(workspace.images))
    tmux.press("Enter")
    finished(workspace, job_of(workspace, "encode").id)
    tmux.press("3", "]", "]")
    tmux.wait_for(rf"\b{run.name}(.|\n)*epoch_")
    program = tmux.program
    tmux.press("q")
    assert not psutil.wait_procs([program], timeout=30)[1]

    assert (run / "evaluation" / "report.json").exists()
    (latents,) = workspace.inference.glob("*/latents.npy")
    with (latents.parent / "rows.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "ok"]
    vectors = np.load(latents)
    assert len(vectors) == len(rows) and np.isfinite(vectors).all()
    digests = [row["digest"] for row in rows]
    digest = next(digest for digest in digests if digests.count(digest) == 2)  # one of the sample's exact copies
    first, copy = (place for place, other in enumerate(digests) if other == digest)
    distances = np.linalg.norm(vectors - vectors[first], axis=1)
    assert set(np.argsort(distances)[:2]) == {first, copy}, "a picture's copy is what a search finds first"
