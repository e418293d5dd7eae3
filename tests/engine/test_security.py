"""What FeXT keeps to itself: no network, files as private as the user wants them, no code of a stranger's."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
import tempfile
import threading

import psutil
import pytest
from own_process import in_own_process
from tiny_training import make_workspace, small_settings

from fext_engine import workspace as workspace_module
from fext_engine.jobs.run import run_here
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace, atomic_file, atomic_folder, write_atomic

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither fork nor umask")
HOOK = """
import atexit, os, sys
def note(event, arguments):
    if event in ("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        with open(os.environ["SEEN_SOCKETS"], "a") as file:
            print(os.getpid(), event, arguments[-1], file=file)
sys.addaudithook(note)
with open(os.environ["SEEN_SOCKETS"], "a") as file:
    print("watching", *sys.orig_argv[1:], file=file)
"""


def modes(root):
    """The permissions of everything below a folder, by kind."""
    found = {"folder": {}, "file": {}}
    for path in root.rglob("*"):
        status = path.lstat()
        if not stat.S_ISLNK(status.st_mode):
            kind = "folder" if stat.S_ISDIR(status.st_mode) else "file"
            found[kind].setdefault(stat.S_IMODE(status.st_mode), set()).add(str(path.relative_to(root)))
    return found


def watch_sockets():
    """Note what this process and every Python that it starts does with the network; never undone: for a fork."""
    exec(HOOK, {"__name__": "hook"})


def listens_not():
    """Nor does what it started; a native library's socket would not be seen by the hook."""
    family = (psutil.Process(), *psutil.Process().children(recursive=True))
    assert not [c for process in family for c in process.net_connections() if c.status == "LISTEN"]


async def look_around(workspace):
    """Open the UI."""
    from fext_tui.app import FextApp

    app = FextApp(workspace)
    async with app.run_test() as pilot:
        await pilot.pause()
        listens_not()


@posix
def test_the_whole_way_opens_no_socket_leaves_no_temporary_file_and_heeds_the_umask(tmp_path, monkeypatch):
    """Analysis and reading in further processes and threads, training, encoding, and the UI's start."""
    workspace = make_workspace(tmp_path / "images_come_from_elsewhere", 16)
    root, temporary, seen = tmp_path / "ws", tmp_path / "tmp", tmp_path / "seen"
    hook = tmp_path / "hook"
    hook.mkdir()
    temporary.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    monkeypatch.setenv("SEEN_SOCKETS", str(seen))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("PYTHONPATH", str(hook))
    settings = small_settings(
        dataset__images=str(workspace.images), device__num_workers=2, training__epochs=1
    )

    def work():
        os.umask(0o027)
        tempfile.tempdir = None  # what TMPDIR said when this process began
        watch_sockets()
        own = Workspace(root)
        own.create()
        run_here(own, "analyze", settings)
        run_here(own, "train", settings, {"name": "r"}, lambda e: e.kind == "metric" and listens_not())
        run_here(own, "encode", settings, {"run": "r", "input": str(workspace.images)})
        asyncio.run(look_around(own))

    assert in_own_process(work) == (0, "")
    told = seen.read_text().splitlines()
    assert any("fext_engine.images.worker" in line for line in told), "the workers were watched too"
    assert [line for line in told if not line.startswith("watching")] == []
    assert list(temporary.iterdir()) == []
    found = modes(root)
    assert set(found["folder"]) == {0o750}, found["folder"]
    assert set(found["file"]) <= {0o640}, found["file"]
    assert any(name.endswith("latents.npy") for name in found["file"][0o640])


def test_the_watch_sees_a_socket(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEN_SOCKETS", str(tmp_path / "seen"))

    def work():
        watch_sockets()
        with socket.create_server(("127.0.0.1", 0)), pytest.raises(AssertionError):
            listens_not()

    assert in_own_process(work) == (0, "")
    assert "socket.bind ('127.0.0.1', 0)" in (tmp_path / "seen").read_text()


@posix
@pytest.mark.parametrize(
    ("umask", "file_mode", "folder_mode"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755)]
)
def test_what_is_half_written_is_private_and_what_is_whole_heeds_the_umask(
    tmp_path, umask, file_mode, folder_mode
):
    def work():
        os.umask(umask)
        with atomic_file(tmp_path / "file") as file:
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
            file.write(b"x")
        with atomic_folder(tmp_path / "folder") as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / "inside").write_text("x")
        (tmp_path / "old").write_text("x")
        (tmp_path / "old").chmod(0o666)
        write_atomic(tmp_path / "old", "y")

    assert in_own_process(work) == (0, "")
    files = {"file", "folder/inside", "old"}
    assert modes(tmp_path) == {"file": {file_mode: files}, "folder": {folder_mode: {"folder"}}}


@posix
def test_threads_that_ask_for_the_umask_at_once_leave_it_as_it_is():
    def work():
        os.umask(0o022)
        sys.setswitchinterval(1e-6)
        together, seen = threading.Barrier(4), set()

        def ask():
            together.wait()
            for _ in range(40_000):
                seen.add(workspace_module._umask())

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert seen == {0o022} and os.umask(0) == 0o022

    assert in_own_process(work) == (0, "")


def test_a_job_runs_no_module_of_the_folder_that_the_user_is_in(tmp_path, monkeypatch):
    stranger, mark = tmp_path / "stranger", tmp_path / "mark"
    stranger.mkdir()
    for name in ("numpy", "psutil", "filelock", "sqlite3", "fext_engine"):
        (stranger / f"{name}.py").write_text(f"open({str(mark)!r}, 'w')\nraise SystemExit(3)\n")
    workspace = Workspace(tmp_path / "ws")
    workspace.create()
    monkeypatch.chdir(stranger)
    supervisor = Supervisor(workspace)
    last = list(supervisor.follow(supervisor.start("index", Settings(), {"encoding": "none"})))[-1]
    assert not mark.exists()
    assert last.kind == "failed" and "there is no encoding yet" in last.data["error"]
