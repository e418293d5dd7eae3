"""The programs to look into the database with, where they are installed: the sqlite shell and DB Browser."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.jobs.platform import WINDOWS, start_detached
from fext_engine.maintenance.database import existing_database
from fext_engine.workspace import Workspace

_BROWSER_NAMES = ("sqlitebrowser", "DB Browser for SQLite")
_BROWSER_PLACES = (
    Path("/Applications/DB Browser for SQLite.app/Contents/MacOS/DB Browser for SQLite"),
    Path(os.environ.get("PROGRAMFILES", ""), "DB Browser for SQLite", "DB Browser for SQLite.exe"),
)


def sqlite_shell() -> str:
    """The sqlite shell's path; raises FextError when it is not installed."""
    if program := shutil.which("sqlite3"):
        return program
    raise FextError("sqlite3 is not installed", "install it, or export the tables")


def db_browser() -> str:
    """The path of DB Browser for SQLite; raises FextError when it is not installed, or has no display here."""
    found = next(filter(None, map(shutil.which, _BROWSER_NAMES)), None)
    found = found or next((str(place) for place in _BROWSER_PLACES if place.is_file()), None)
    if found is None:
        raise FextError("DB Browser is not installed", "install it, or export the tables")
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not (has_display or WINDOWS or sys.platform == "darwin"):
        raise FextError("DB Browser needs a display", "use the sqlite shell, or export the tables")
    return found


def run_shell(workspace: Workspace) -> None:
    """Run the sqlite shell on the database, in the terminal, until the user leaves it."""
    command = [sqlite_shell(), str(existing_database(workspace))]
    print(
        "Look, and change nothing while a job runs; .tables lists the tables, .quit comes back.", flush=True
    )
    try:
        with _deaf_to_ctrl_c():
            subprocess.run(command, check=False)
    except OSError as error:
        raise FextError(f"cannot start {command[0]}: {error.strerror}", "install it anew") from error


def start_browser(workspace: Workspace) -> None:
    """Open the database in DB Browser, a window of its own."""
    command = [db_browser(), str(existing_database(workspace))]
    try:
        start_detached(command, Path(os.devnull))
    except OSError as error:
        raise FextError(f"cannot start {command[0]}: {error.strerror}", "install it anew") from error


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Ctrl-C is for the program in front; its own handling is not inherited, as ignoring would be."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
