"""One job by every GPU of this machine: torchrun started here, followed and stopped as one process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs import platform
from fext_engine.jobs.death import death_reason
from fext_engine.jobs.events import ENDED_AT_ONCE, TERMINAL, Event, EventReader, EventWriter
from fext_engine.jobs.folder import JobRequest, claim, write_pid
from fext_engine.paths import escape_name
from fext_engine.workspace import Workspace

RESTARTS = 3
"""How often all processes start anew after one of them has died."""

STOPS_UNTIL_HARD = 2
POLL_SECONDS = 0.1
LAUNCHED = "FEXT_LAUNCHED"
"""In the environment of the processes: the job whose lock the one that started them holds for them."""

ON_GPUS = ("train", "resume", "encode", "evaluate")
TOGETHER = (*ON_GPUS, "analyze")
"""The verbs whose work is shared; any other is done by one process alone."""


def processes_wanted(request: JobRequest) -> int:
    """How many processes do the job where torchrun has not been asked: one a GPU with `device = all`, else one."""
    if request.settings.device.device != "all" or request.verb not in ON_GPUS or "RANK" in os.environ:
        return 1
    return max(1, gpu_count())


def gpu_count() -> int:
    """The GPUs of this machine that torch can use."""
    import torch

    return torch.cuda.device_count()


def launch(workspace: Workspace, folder: Path, processes: int, *listeners: Callable[[Event], None]) -> dict[str, Any]:
    """Do the job in `folder` by so many processes, and return the verb's summary; raises what `run_job` does.

    This process holds the job's lock and passes a stop on; the job lives on in new processes when one dies.
    """
    with claim(folder):
        write_pid(folder)
        asked = count(1)
        restore = platform.on_stop_signals(lambda: _stop(folder, next(asked)))
        try:
            last = _follow(folder, _start(workspace, folder, processes), listeners)
        finally:
            restore()
    if last is None:
        raise FextError(*death_reason(folder))
    if last.kind == "stopped":
        raise JobStopped(str(last.data.get("message")), "go on: `fext resume`, or the same command again")
    if last.kind == "failed":
        raise FextError(str(last.data.get("error")), str(last.data.get("do") or ""))
    return dict(last.data.get("summary") or {})


def is_launched(folder: Path) -> bool:
    """Whether the job's lock is held by the process that started this one."""
    return os.environ.get(LAUNCHED) == folder.name


def _start(workspace: Workspace, folder: Path, processes: int) -> subprocess.Popen[bytes]:
    command = platform.python_module(
        "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", f"--max-restarts={RESTARTS}",
        "-m", "fext_engine.jobs.child", str(workspace.root), str(folder),
    )  # fmt: skip
    environment = platform.within_machine() | platform.module_environment()
    environment |= {LAUNCHED: folder.name, "PYTHONSAFEPATH": "1"}
    try:
        return subprocess.Popen(command, env=environment, start_new_session=not platform.WINDOWS)
    except OSError as error:
        raise FextError(f"torchrun cannot be started: {error}", "check memory and disk space") from error


def _follow(
    folder: Path, torchrun: subprocess.Popen[bytes], listeners: tuple[Callable[[Event], None], ...]
) -> Event | None:
    """Tell what the job says until torchrun ends; return its last word, if it is one."""
    reader, last, ended = EventReader(folder), None, False
    while True:
        for event in (events := reader.read()):
            last = event
            for listener in listeners:
                listener(event)
        if not events and ended:
            return last if last is not None and last.kind in TERMINAL else None
        if not events:
            try:
                ended = torchrun.wait(POLL_SECONDS) is not None
            except subprocess.TimeoutExpired:
                continue


def _stop(folder: Path, asked: int) -> None:
    """Ask the processes to stop; asked once more, end them at once."""
    if asked < STOPS_UNTIL_HARD:
        platform.ask_to_stop(None, folder)
        return
    writer = EventWriter(folder)
    writer.write(Event("stopped", dict(ENDED_AT_ONCE)))
    writer.close()
    platform.end_now(os.getpid())
    print(f"fext: {escape_name(folder.name)}: {ENDED_AT_ONCE['message']}", file=sys.stderr)
    os._exit(130)
