"""Jobs in forks of the test's process, struck by a signal or held at a chosen moment; torch is imported already.

The fork runs what the supervisor starts, `fext_engine.jobs.child`, in a session of its own. What a job writes
out every few seconds it writes at once here, since it has only tenths of a second to do.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fext_engine.images import analyze
from fext_engine.jobs import child
from fext_engine.jobs.events import EventWriter
from fext_engine.jobs.folder import OUTPUT_FILE, create_job
from fext_engine.jobs.supervisor import JobInfo, Supervisor
from fext_engine.latents import unfinished
from fext_engine.settings import Settings
from fext_engine.training.trainer import Trainer
from fext_engine.workspace import Workspace

COUNTED = ("event", "write", "folder", "step")
"""What moments are counted in: events told; before fsyncs and renames of files; before renames of folders; steps."""


@dataclass(frozen=True)
class Moment:
    """The `number`-th, from 1, of one of COUNTED; 0 never comes."""

    counted: str
    number: int


NEVER = Moment("event", 0)


class Counters:
    """How many of each of COUNTED there were, in memory that a fork shares."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8 * len(COUNTED))

    def __getitem__(self, counted: str) -> int:
        return int(struct.unpack_from("q", self._shared, 8 * COUNTED.index(counted))[0])

    def add(self, counted: str) -> int:
        number = self[counted] + 1
        struct.pack_into("q", self._shared, 8 * COUNTED.index(counted), number)
        return number


class StruckJob:
    """A job at work in a fork that does `act` to itself at a moment; `counts` has how far it came."""

    def __init__(
        self,
        workspace: Workspace,
        verb: str,
        settings: Settings,
        arguments: dict[str, Any],
        *,
        moment: Moment = NEVER,
        act: Callable[[], object] = lambda: None,
    ) -> None:
        self.workspace, self.counts = workspace, Counters()
        self.folder = create_job(workspace, verb, settings, arguments)
        self.pid = os.fork()
        if not self.pid:
            code = 70
            try:
                _detach(self.folder / OUTPUT_FILE)
                with counted(self.counts, moment, act):
                    code = child.main(str(workspace.root), str(self.folder))
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)

    @property
    def info(self) -> JobInfo:
        """What somebody else sees of it."""
        return Supervisor(self.workspace).find(self.folder.name)

    @property
    def ended(self) -> bool:
        """Whether its process is over, though nobody has waited for it yet."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reached(self, moment: Moment) -> bool:
        """Wait until it has come so far; False when it has ended before."""
        while self.counts[moment.counted] < moment.number:
            if self.ended:
                return False
            time.sleep(0.0005)
        return True

    def stopped(self) -> bool:
        """Wait until a signal stops it; False when it has ended instead."""
        status = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return status is not None and status.si_code == os.CLD_STOPPED

    def wait(self) -> int:
        """Wait for its end; the exit code, or minus the number of the signal that ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        """End it, if it is there still."""
        with suppress(ChildProcessError):
            if os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                os.kill(self.pid, signal.SIGKILL)
                self.wait()


class Gate:
    """Holds a job up, as its `act`, until it is opened."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def hold(self) -> None:
        """Wait for the opening."""
        os.read(self._read, 1)

    def open(self) -> None:
        """Let the job go on."""
        os.write(self._write, b"x")


def strike(*signals: int) -> Callable[[], None]:
    """An `act`: send these signals to oneself."""

    def act() -> None:
        for number in signals:
            os.kill(os.getpid(), number)

    return act


@contextmanager
def counted(counts: Counters, moment: Moment = NEVER, act: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Count in this process, and act when the moment comes; what is saved every few seconds is saved at once."""

    def passed(what: str) -> None:
        if counts.add(what) == moment.number and what == moment.counted:
            act()

    def counting(function: Callable[..., Any], what: str, before: bool) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if before:
                passed(what)
            result = function(*arguments, **options)
            if not before:
                passed(what)
            return result

        return wrapped

    with ExitStack() as stack:
        for owner, name, what, before in (
            (os, "fsync", "write", True), (Path, "replace", "write", True), (Path, "rename", "folder", True),
            (EventWriter, "write", "event", False), (Trainer, "train_step", "step", False),
        ):  # fmt: skip
            stack.enter_context(patch.object(owner, name, counting(getattr(owner, name), what, before)))
        stack.enter_context(patch.object(child, "lower_priority", lambda: None))  # the test waits for it
        stack.enter_context(patch.object(unfinished, "SYNC_SECONDS", 0.0))
        stack.enter_context(patch.object(analyze, "STORE_EVERY", 0.0))
        yield


def _detach(output: Path) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    sys.stdout, sys.stderr = (os.fdopen(standard, "w", closefd=False) for standard in (1, 2))
