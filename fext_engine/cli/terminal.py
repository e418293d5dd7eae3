"""Opening the terminal UI, or saying in a sentence why it cannot open here."""

from __future__ import annotations

import os
import sys

from fext_engine.errors import FextError


def open_terminal_ui(resources: str | None = None) -> int:
    """Open the terminal UI on the resources folder and return its exit code; 1 or 2 where it cannot open."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return _refuse(
            "the terminal UI needs a terminal; commands such as `fext train` do without, `fext --help` lists them"
        )
    try:
        from fext_tui.app import run
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("textual", "fext_tui"):
            raise
        return _refuse(
            f"the terminal UI needs {missing}, which is not installed; "
            "install it, or use the commands that `fext --help` lists"
        )
    try:
        return run(resources)
    except FextError as error:
        from fext_engine.cli.failures import report

        return report(error)


def _refuse(reason: str) -> int:
    print(f"fext: {reason}", file=sys.stderr)
    return 2
