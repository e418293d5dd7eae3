"""The pool of measuring processes: complete answers, also when a process dies, and none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import count
from pathlib import Path

import psutil
import pytest
from hostile import build_hostile_folder, encode, picture

from fext_engine.errors import FextError
from fext_engine.images import pool
from fext_engine.images.findings import Examined, Task
from fext_engine.images.pool import CHUNK, examine_all, worker_count
from fext_engine.images.scan import scan


def never() -> bool:
    return False


def write_images(root: Path, number: int) -> list[Task]:
    for i in range(number):
        (root / f"{i:03d}.jpg").write_bytes(encode(picture(i), "JPEG"))
    return [Task(i, f"{i:03d}.jpg") for i in range(number)]


def gather(root: Path, tasks: list[Task], workers: int) -> dict[str, Examined]:
    return {e.path: e for chunk in examine_all(root, tasks, workers, never) for e in chunk}


def wait_until(condition, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_worker(process: psutil.Process) -> bool:
    """Whether this is a living process of a pool: one that ended, waited for or not, has no command line."""
    try:
        return "fext_engine.images.worker" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def own_workers() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if is_worker(p)]


def test_processes_answer_like_this_process_about_every_hostile_file(tmp_path: Path) -> None:
    expected = build_hostile_folder(tmp_path)
    tasks = [Task(i, f.path) for i, f in enumerate(scan(tmp_path))]
    alone, together = gather(tmp_path, tasks, 0), gather(tmp_path, tasks, 2)
    assert alone == together
    assert {path: e.status for path, e in together.items()} == expected
    assert all(e.reason for e in together.values() if e.status != "ok")
    assert not own_workers()


def test_a_killed_process_costs_nothing(tmp_path: Path) -> None:
    tasks = write_images(tmp_path, 60)
    answers = examine_all(tmp_path, tasks, 2, never)
    found = list(next(answers))
    for process in own_workers():
        process.kill()
    for chunk in answers:
        found += chunk
    assert sorted(e.id for e in found) == list(range(60))
    assert {e.status for e in found} == {"ok"}


def sabotage(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Run `code` at the start of every worker process."""
    folder.mkdir()
    guard = 'import os, sys\nif "fext_engine.images.worker" in " ".join(sys.orig_argv):\n'
    (folder / "sitecustomize.py").write_text(guard + textwrap.indent(textwrap.dedent(code), "    "))
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_a_file_that_kills_its_process_is_named_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = write_images(tmp_path, 24)
    code = """
        import builtins, signal
        real = builtins.open
        def deadly(file, *args, **kwargs):  # as a decoder that crashes on one file
            if str(file).endswith("007.jpg"):
                os.kill(os.getpid(), signal.SIGSEGV)
            return real(file, *args, **kwargs)
        builtins.open = deadly
    """
    sabotage(tmp_path / "site", monkeypatch, code)
    found = gather(tmp_path, tasks, 2)
    assert len(found) == 24
    assert {path: e.status for path, e in found.items() if e.status != "ok"} == {"007.jpg": "unreadable"}
    assert f"signal {signal.SIGSEGV.value}" in found["007.jpg"].reason


def test_a_file_whose_decoder_hangs_is_named_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = write_images(tmp_path, 12)
    code = """
        import builtins, time
        real = builtins.open
        def endless(file, *args, **kwargs):  # as a decoder that goes round in circles
            if str(file).endswith("007.jpg"):
                time.sleep(600)
            return real(file, *args, **kwargs)
        builtins.open = endless
    """
    sabotage(tmp_path / "site", monkeypatch, code)
    monkeypatch.setattr(pool, "SECONDS_PER_FILE", 2.0)
    found = gather(tmp_path, tasks, 1)
    assert {path: e.reason for path, e in found.items() if e.status != "ok"} == {
        "007.jpg": "the decoder hung on it for 2 s"
    }
    assert len(found) == 12
    assert not own_workers()


def test_processes_are_no_more_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MEMORY_PER_WORKER", psutil.virtual_memory().total)
    assert worker_count("auto", 100_000) == 1
    assert worker_count(3, 100_000) == 3


def test_processes_that_cannot_start_are_an_error_and_no_fault_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = write_images(tmp_path, 24)
    sabotage(tmp_path / "site", monkeypatch, "os._exit(3)")
    with pytest.raises(FextError, match=r"exit code 3.*num_workers=0"):
        gather(tmp_path, tasks, 2)


def test_stopping_ends_soon_and_leaves_no_process(tmp_path: Path) -> None:
    write_images(tmp_path, 8)
    endless = (Task(i, f"{i % 8:03d}.jpg") for i in count())
    received: list[Examined] = []

    def enough() -> bool:
        return len(received) >= 40

    for chunk in examine_all(tmp_path, endless, 2, enough):
        received.extend(chunk)
    assert 40 <= len(received) <= 40 + 10 * CHUNK
    assert not own_workers()


@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    write_images(tmp_path, 8)
    program = textwrap.dedent(
        f"""
        from itertools import count
        from pathlib import Path
        from fext_engine.images.findings import Task
        from fext_engine.images.pool import examine_all
        endless = (Task(i, f"{{i % 8:03d}}.jpg") for i in count())
        for chunk in examine_all(Path({str(tmp_path)!r}), endless, 2, lambda: False):
            print("going", flush=True)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    parent.stdout.readline()
    assert wait_until(lambda: len(psutil.Process(parent.pid).children()) == 2)
    workers = psutil.Process(parent.pid).children()
    assert all(map(is_worker, workers))
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not any(map(is_worker, workers)))


def test_small_folders_do_not_pay_for_processes() -> None:
    assert worker_count("auto", 5) == 0
    assert worker_count(0, 100_000) == 0
    assert worker_count(3, 100_000) == 3
    assert worker_count(64, 20) == 5
    assert worker_count("auto", 100_000) >= 1
