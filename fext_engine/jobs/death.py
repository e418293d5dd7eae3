"""Why a job's process may have died without a word, as far as its folder and this machine can tell."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import psutil

from fext_engine.errors import FextError
from fext_engine.jobs import platform
from fext_engine.jobs.events import EVENTS_FILE, Event
from fext_engine.jobs.explain import takes_less_memory
from fext_engine.jobs.folder import OUTPUT_FILE, output_tail, read_request
from fext_engine.paths import escape_name

OUTPUT_LINES = 60  # a fault of native code is followed by the stacks of every thread
_FAULT = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)


def explain_death(folder: Path, code: int | None = None) -> Event:
    """A `failed` event in place of the one that the process could not write; `code` is its exit code if known."""
    error, do = death_reason(folder, code)
    do += f"; what it printed is in {escape_name(str(folder / OUTPUT_FILE))}"
    return Event("failed", {"error": error, "do": do, "traceback": output_tail(folder)})


def death_reason(folder: Path, code: int | None = None) -> tuple[str, str]:
    """That it died, and why that may be with what to do."""
    how = f" ({platform.describe_signal(-code)})" if code is not None and code < 0 else ""
    error = f"the job's process died without a word{how}"
    if fault := _FAULT.search(output_tail(folder, OUTPUT_LINES)):
        do = f"a library crashed: {fault[1]}"
    elif code is not None and -code != platform.KILLED:
        do = "a library crashed"
    elif psutil.boot_time() > last_sign(folder):
        do = "this machine was restarted after its last word: start it again, a training by resume"
    else:
        do = f"most often memory ran out: {takes_less_memory(_verb(folder))}"
    return error, do


def _verb(folder: Path) -> str:
    with suppress(FextError):  # a folder that is damaged too
        return read_request(folder).verb
    return ""


def last_sign(folder: Path) -> float:
    """When the job last wrote something, in seconds since 1970."""
    for path in (folder / EVENTS_FILE, folder):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0
