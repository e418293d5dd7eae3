"""The command line: `fext` opens the terminal UI, `fext VERB` works without it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 wrong usage, 130 stopped.

    With FEXT_DEBUG in the environment an error is shown with its traceback.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name must not fail on a terminal that lacks its letters
            stream.reconfigure(errors="backslashreplace")
    try:
        match given:
            case [] | ["--resources", _]:  # the way to the UI's first paint imports nothing of the command line
                from fext_engine.cli.terminal import open_terminal_ui

                code = open_terminal_ui(*given[1:])
            case _:
                from fext_engine.cli.app import run_command

                code = run_command(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # whoever read us is gone (`| head`): leave without a word
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    return code
