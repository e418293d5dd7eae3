"""Every difference between operating systems in starting, signalling and ending a job's process, and its memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

WINDOWS = sys.platform == "win32"
STOP_FILE = "stop"  # asks a job to stop where no signal can: before it begins, and on Windows
BACKGROUND_NICENESS = 10
SESSION_NICENESS = 5  # a third of a session's usual share while others want the processors, else all
AUTOGROUP = Path("/proc/self/autogroup")
KILLED = 9  # what a system out of memory sends, and nobody can catch


def python_module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of FeXT in another Python; its environment is `module_environment`.

    -P keeps the folder that the user is in, which may be a stranger's, from being searched for modules.
    """
    return [sys.executable, "-P", "-m", name, *arguments]


def module_environment() -> dict[str, str]:
    """This process's environment, by which another Python finds the same FeXT."""
    package = str(Path(__file__).parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}


def within_machine() -> dict[str, str]:
    """What makes processes of one machine talk to each other past its network cards, where that is known."""
    return dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), "lo") if sys.platform == "linux" else {}


def start_detached(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    """Start a `python_module` in a session of its own, so that it outlives this process and its terminal.

    What it prints goes to the file `output`.
    """
    flags = 0
    if WINDOWS:
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW  # type: ignore[attr-defined,unused-ignore]
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            env=module_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=not WINDOWS,
            creationflags=flags,
            close_fds=True,
        )


def began(process: psutil.Process) -> float:
    """When a process began, in seconds of a clock that nobody sets: on Linux since the machine was started."""
    return float(process.create_time()) - (float(psutil.boot_time()) if sys.platform == "linux" else 0.0)


def lower_priority() -> None:
    """Let interactive programs go first; workers that this process starts later inherit it."""
    with contextlib.suppress(psutil.Error, OSError):
        me = psutil.Process()
        me.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if WINDOWS else min(19, me.nice() + BACKGROUND_NICENESS))
    if not WINDOWS and os.getsid(0) == os.getpid():
        # Linux shares the processors among sessions first (autogroup): there the nice value above counts only
        # among this session's own processes, and the session has one of its own.
        with contextlib.suppress(OSError):
            AUTOGROUP.write_text(str(SESSION_NICENESS))


def keep_memory() -> None:
    """Let glibc keep what is freed, for the next batch is as large: else a fifth of the time goes into page faults."""
    trim_threshold, mmap_threshold = -1, -3  # of malloc.h
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no mallopt
            library = ctypes.CDLL(None)
            library.mallopt(trim_threshold, 256 << 20)
            library.mallopt(mmap_threshold, 32 << 20)


def ask_to_stop(pid: int | None, folder: Path) -> None:
    """Ask the job in `folder`, run by `pid` if that is known, to stop once its state is saved."""
    (folder / STOP_FILE).touch()
    if pid is not None and not WINDOWS:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def stop_was_asked(folder: Path) -> bool:
    """Whether a stop was asked by file; signals are told by `on_stop_signals`."""
    return (folder / STOP_FILE).exists()


def describe_signal(number: int) -> str:
    """A signal by its number and name."""
    try:
        return f"signal {number}, {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"


def end_now(pid: int) -> None:
    """End `pid` and every process it started, without asking; of this very process only what it started."""
    try:
        process = psutil.Process(pid)
        family = [*([process] if pid != os.getpid() else []), *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    if pid != os.getpid():
        psutil.wait_procs([process], timeout=5)


def on_stop_signals(handler: Callable[[], None]) -> Callable[[], None]:
    """Call `handler` at every SIGTERM and SIGINT (Ctrl-C); return what puts the old handlers back.

    SIGHUP is ignored: a dropped connection does not end the work. Outside the main thread it does nothing.
    """
    previous: dict[int, object] = {}

    def handle(_number: int, _frame: object) -> None:
        handler()

    def restore() -> None:
        for number, old in previous.items():
            signal.signal(number, old)  # type: ignore[arg-type]

    with contextlib.suppress(ValueError):
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, handle)
        if not WINDOWS:
            previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return restore
