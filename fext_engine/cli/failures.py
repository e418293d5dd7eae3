"""Errors on the command line: one line on stderr, an exit code, and a file for a fault of FeXT's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fext_engine.errors import FextError, JobStopped, SettingsError
from fext_engine.jobs.events import Event
from fext_engine.paths import escape_name

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def exit_code(error: FextError) -> int:
    """The exit code of an error: a setting that is refused is wrong usage, a stop is no failure."""
    if isinstance(error, SettingsError):
        return EXIT_USAGE
    return EXIT_INTERRUPTED if isinstance(error, JobStopped) else EXIT_FAILED


def report(error: FextError) -> int:
    """Print the one line of an error and return its exit code; with FEXT_DEBUG its traceback comes before."""
    if os.environ.get("FEXT_DEBUG"):
        import traceback

        traceback.print_exception(error)
    print(f"fext: {error}", file=sys.stderr)
    return exit_code(error)


def as_event(error: FextError) -> Event:
    """The event that tells readers of `--json` about an error outside any job."""
    return Event("failed", {"error": error.what, "do": error.do})


def explain_crash(error: Exception, logs: Path | None) -> FextError:
    """Put a fault of FeXT's own into words, with its traceback in a file under `logs`; a damaged database is none."""
    import sqlite3

    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.ProgrammingError):
        return FextError(f"cannot use the database: {error}", "make room for it, or move the file fext.sqlite away")
    from fext_engine.logs import write_crash

    path = write_crash(logs, error) if logs else None
    where = f"the traceback is in {escape_name(str(path))}" if path else "FEXT_DEBUG=1 shows the traceback"
    return FextError(f"{type(error).__name__}: {error}", f"{where}, please report it")
