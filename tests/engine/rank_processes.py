"""Several processes that do one job together, as torchrun starts them: forks, since torch takes seconds to import."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

import torch.distributed  # noqa: F401  # once, before the forks

PATIENCE = 90.0
"""Seconds after which processes that wait for each other are killed, so that a hang is a failed test."""


def in_ranks(count: int, work: Callable[[], object], **environment: str) -> list[tuple[int, str]]:
    """Do the work in so many forks, each with torchrun's environment; return their exit codes and errors.

    A code is 0, 1 when the work raised, or minus a signal's number; the error is what was raised. The work
    knows itself by `my_number`. More variables may be given, such as TORCHELASTIC_RESTART_COUNT.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    common = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **environment}
    started = [_start(work, common | {"RANK": str(n), "LOCAL_RANK": str(n)}) for n in range(count)]
    deadline = time.monotonic() + PATIENCE
    try:
        said = [_read(pipe, deadline) for _, pipe in started]
    except BaseException:
        for child, _ in started:
            os.kill(child, signal.SIGKILL)  # a child that has ended is a zombie until it is waited for
        raise
    finally:
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child, _ in started]
    return list(zip(codes, said, strict=True))


def my_number() -> int:
    """Which of the processes this is, from 0 on."""
    return int(os.environ["RANK"])


def die() -> None:
    """End this process as a crash or the kernel's out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


def _start(work: Callable[[], object], environment: dict[str, str]) -> tuple[int, BinaryIO]:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        said, code = "", 0
        try:
            os.close(read)
            os.environ.update(environment)
            work()
        except BaseException as error:
            said, code = f"{type(error).__name__}: {error}", 1
        finally:
            sys.stdout.flush()
            os.write(write, said.encode(errors="replace"))
            os._exit(code)
    os.close(write)
    return child, os.fdopen(read, "rb")


def _read(pipe: BinaryIO, deadline: float) -> str:
    """What the process said until its end, which closes the pipe."""
    with pipe:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError(f"the processes are not done after {PATIENCE:.0f} s: they wait for each other")
        return pipe.read().decode()
