"""Work in a process of its own that may be killed or limited: a fork, since torch takes a second to import."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from fext_engine.latents import plan


def in_own_process(work: Callable[[], object]) -> tuple[int, str]:
    """Do the work in a fork of this process; return its exit code (minus a signal's number) and its error.

    The code is 0, or 1 when it raised. Nothing of the test's own runs in the fork.
    """
    read, write = os.pipe()
    child = os.fork()
    if not child:
        said, code = "", 0
        try:
            work()
        except BaseException as error:
            said, code = str(error), 1
        finally:
            os.write(write, said.encode())
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def killed_at(moment: int, work: Callable[[], object]) -> bool:
    """Do the work in a fork that is killed (SIGKILL) just before so many writes became durable, from 1.

    What counts are fsync and rename, from when an encoding's folder was made or found. False when the work
    was done before that moment.
    """

    def doomed() -> None:
        left = -1

        def count(function):
            def counted(*arguments, **options):
                nonlocal left
                left -= left > 0
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **options)

            return counted

        begin = plan._begin

        def armed(*arguments, **options):
            nonlocal left
            left = moment
            return begin(*arguments, **options)

        os.fsync, plan._begin = count(os.fsync), armed
        Path.rename, Path.replace = count(Path.rename), count(Path.replace)
        work()

    code, said = in_own_process(doomed)
    assert code in (0, -signal.SIGKILL), said
    return code != 0
