"""A fault of the UI itself: a file with its traceback, and the sentence that is left in the terminal."""

from __future__ import annotations

from fext_engine.logs import write_crash
from fext_engine.paths import escape_name
from fext_engine.workspace import Workspace
from fext_tui.widgets.text import printable


def explain_crash(workspace: Workspace, error: Exception) -> str:
    """Write the traceback to a file and return the words about it."""
    path = write_crash(workspace.logs, error)
    where = f"the traceback is in {escape_name(str(path))}" if path else "FEXT_DEBUG=1 shows the traceback"
    what = printable(" ".join(f"{type(error).__name__}: {error}".split())[:500])
    return f"fext: {what}; {where}, please report it. Running jobs go on: start fext again."
