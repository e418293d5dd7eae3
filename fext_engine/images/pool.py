"""Examining many images on all cores: worker processes that may die, answers in chunks as they come."""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from fext_engine.errors import FextError
from fext_engine.free_memory import free_memory
from fext_engine.images.findings import READY, Examined, Task
from fext_engine.jobs.platform import module_environment, python_module
from fext_engine.ranks import processes_here

CHUNK = 4  # files per message: enough to hide the messages' cost, few enough to stop soon
_QUEUED_PER_WORKER = 3
# glibc would give the memory back after each image, only to ask for it again a millisecond later.
_KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(16 << 20)}
START_ATTEMPTS = 3  # a process may be killed, for want of memory for one, while it still starts

SECONDS_PER_FILE = 120.0
"""A decoder that has not answered by then hangs: its process is ended."""

MEMORY_PER_WORKER = 400 << 20
"""What a process may take, in bytes: about 50 MB, and 12 bytes for each pixel of a photograph of 24 megapixels."""

Answer = list[Examined] | BaseException


def worker_count(setting: int | Literal["auto"], images: int) -> int:
    """How many processes to use for so many images; 0 means this process, where starting one would cost more.

    Without a wish it is one a core, and no more than the free memory holds, of this process's share of both.
    """
    if images < 2 * CHUNK:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    room = free_memory() // MEMORY_PER_WORKER
    wanted = max(1, min(cores, room) // processes_here()) if setting == "auto" else setting
    return min(wanted, -(-images // CHUNK))


def examine_all(
    root: Path, tasks: Iterable[Task], workers: int, stop: Callable[[], bool]
) -> Generator[list[Examined], None, None]:
    """Yield the answers for all `tasks` in chunks, in no order, holding only a few chunks in memory.

    A file at which a worker process dies, or does not answer in SECONDS_PER_FILE, twice, the second time
    alone, is answered as `unreadable` with that reason. When `stop()` turns true, what is under way is
    finished and the iteration ends early. With 0 workers the work is done in this process. Raises FextError
    when no worker can be started.
    """
    chunks = _chunks(tasks)
    if workers == 0:
        from fext_engine.images.examine import examine  # OpenCV, which the workers load otherwise

        for chunk in chunks:
            if stop():
                return
            yield [examine(root, task) for task in chunk]
        return
    crew = _Crew(root, workers)
    try:
        yield from crew.work(chunks, stop)
    finally:
        crew.dismiss()


def _chunks(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    pending = iter(tasks)
    while chunk := list(islice(pending, CHUNK)):
        yield chunk


class _Crew:
    """A thread per worker process: pipes block, and threads wait for them alike on every system."""

    def __init__(self, root: Path, count: int) -> None:
        self._root = root
        self._tasks: queue.Queue[list[Task] | None] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._workers = [_Worker(root) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._attend, args=(worker,), daemon=True) for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()

    def work(self, chunks: Iterator[list[Task]], stop: Callable[[], bool]) -> Iterator[list[Examined]]:
        under_way = 0
        for chunk in chunks:
            if stop():
                break
            self._tasks.put(chunk)
            under_way += 1
            if under_way >= _QUEUED_PER_WORKER * len(self._workers):
                yield self._next_answer()
                under_way -= 1
        for _ in range(under_way):
            yield self._next_answer()

    def dismiss(self) -> None:
        """End every process, also in the middle of its work."""
        for worker in self._workers:
            self._tasks.put(None)
            worker.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _next_answer(self) -> list[Examined]:
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _attend(self, worker: _Worker) -> None:
        while (chunk := self._tasks.get()) is not None:
            try:
                self._answers.put(_ask(worker, chunk))
            except Exception as error:  # told to the thread that waits for the answer
                self._answers.put(error)


class _WorkerDied(Exception):
    """The process ended instead of answering."""


def _ask(worker: _Worker, chunk: list[Task]) -> list[Examined]:
    """Have a chunk examined; when the process dies on it, its files one at a time."""
    try:
        return worker.ask(chunk)
    except _WorkerDied:
        return [_ask_alone(worker, task) for task in chunk]


def _ask_alone(worker: _Worker, task: Task) -> Examined:
    try:
        return worker.ask([task])[0]
    except _WorkerDied as death:
        return Examined(task.id, task.path, "unreadable", f"the decoder {death}")


class _Worker:
    """One worker process, started when it is first needed and again after it died."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, chunk: list[Task]) -> list[Examined]:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()
        alarm = threading.Timer(SECONDS_PER_FILE * len(chunk), _end_late, (process, late))
        alarm.start()
        try:
            pickle.dump((self._root, chunk), process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            answer: list[Examined] = pickle.load(process.stdout)  # from our own process: no foreign pickle
            return answer
        except (EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
            cause = f"crashed on it ({self._cause_of_death(process)})"
            raise _WorkerDied(f"hung on it for {SECONDS_PER_FILE:g} s" if late.is_set() else cause) from error
        finally:
            alarm.cancel()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise FextError("the examination was ended")
            if self._process is None:
                self._process = _start()
            return self._process

    def _cause_of_death(self, process: subprocess.Popen[bytes]) -> str:
        try:
            code = process.wait(timeout=1)  # its pipe closes a moment before its exit code is there
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        with self._lock:
            self._process = None
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _end_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _start() -> subprocess.Popen[bytes]:
    for _ in range(START_ATTEMPTS):
        process = _launch()
        assert process.stdout is not None
        if process.stdout.readline() == READY:
            return process
        code = process.wait()
    raise FextError(
        f"a process that measures images ended at its start (exit code {code})",
        "its reason stands above; device.num_workers=0 does without such processes",
    )


def _launch() -> subprocess.Popen[bytes]:
    own = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | _KEEP_MEMORY
    try:
        # A process started by name, not by multiprocessing: that would run the caller's main module again.
        return subprocess.Popen(
            python_module("fext_engine.images.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=module_environment() | own,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise FextError(
            f"cannot start a process: {error}", "set device.num_workers=0 to do without"
        ) from error
