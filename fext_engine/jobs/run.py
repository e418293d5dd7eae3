"""Running one job in this process: the child's work, and a headless verb's."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs import platform
from fext_engine.jobs.before import Before
from fext_engine.jobs.events import ENDED_AT_ONCE, EVENTS_FILE, Event
from fext_engine.jobs.explain import explain
from fext_engine.jobs.folder import claim, create_job, read_request, write_pid
from fext_engine.jobs.job import Job
from fext_engine.jobs.launch import STOPS_UNTIL_HARD, is_launched
from fext_engine.jobs.verbs import find_verb
from fext_engine.ranks import ALONE, RankLost, Ranks, will_restart
from fext_engine.records import open_records
from fext_engine.records.jobs import record_end, record_start
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace

Listener = Callable[[Event], None]
EXIT_INTERRUPTED = 130


def run_job(
    workspace: Workspace,
    folder: Path,
    *listeners: Listener,
    in_sight: bool = True,
    ranks: Ranks = ALONE,
    before: Before | None = None,
) -> dict[str, Any]:
    """Run the job in `folder` to its end, in this process, and return the verb's summary.

    Whoever runs it `in_sight` sees how it ends; else the next UI that opens tells it. Where `ranks` do it
    together, each has a folder and the one that leads records it; after a restart they go on in the same ones,
    knowing what went `before`.
    The first SIGINT or SIGTERM asks the verb to stop where it can go on later, the second ends the process.
    Raises what the verb raises, after the `failed` or `stopped` event is written: FextError for a cause that a
    user can act on, JobStopped when it stopped on request.
    """
    # Torch's own choice is a folder of a known name in /tmp, where another user may have put libraries to load.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(workspace.cache / "compiled"))
    launched = is_launched(folder)
    with claim(folder) if not launched else contextlib.nullcontext():
        if (folder / EVENTS_FILE).exists() and before is None and ranks.leads:
            raise FextError(f"job {folder.name} has run already", "start a new one")
        request = read_request(folder)
        job = Job(workspace, folder, request, listeners, ranks=ranks, before=before)
        run = request.arguments.get("run")
        job.run = str(run) if run else None
        try:
            with _stoppable(job), _recorded(workspace, job, in_sight):
                if not launched:
                    write_pid(folder)
                job.emit("started", verb=job.verb, id=job.id, pid=os.getpid())
                if job.stop_requested:
                    raise JobStopped("stopped before it began", "start it again")
                summary = find_verb(job.verb)(job)
                job.emit("finished", summary=summary)
        finally:
            job.close()
    return summary


def run_here(
    workspace: Workspace,
    verb: str,
    settings: Settings,
    arguments: dict[str, Any] | None = None,
    on_event: Listener | None = None,
) -> dict[str, Any]:
    """Create a job and run it in this process; see `run_job`."""
    folder = create_job(workspace, verb, settings, arguments or {})
    return run_job(workspace, folder, *([on_event] if on_event else []))


@contextmanager
def _stoppable(job: Job) -> Iterator[None]:
    def asked() -> None:
        job.stops_asked += 1
        if job.stops_asked >= STOPS_UNTIL_HARD:
            with contextlib.suppress(Exception):  # a listener may be in the middle of a line
                job.emit("stopped", **ENDED_AT_ONCE)
            platform.end_now(os.getpid())
            os._exit(EXIT_INTERRUPTED)

    restore = platform.on_stop_signals(asked)
    try:
        yield
    finally:
        restore()


@contextmanager
def _recorded(workspace: Workspace, job: Job, in_sight: bool) -> Iterator[None]:
    """Write how the job ends into its events and the database, whatever happens inside.

    A full disk can take the last event too; the exception still reaches the command line and output.log.
    """
    if not job.ranks.leads:
        yield
        return
    _record(workspace, lambda records: record_start(records, job.id, job.verb, job.run))
    state, message = "finished", ""
    try:
        yield
    except JobStopped as stop:
        state, message = "stopped", str(stop)
        with contextlib.suppress(OSError):
            job.emit("stopped", message=message, resumable=True)
        raise
    except FextError as error:
        state, message = "failed", str(error)
        with contextlib.suppress(OSError):
            if isinstance(error, RankLost) and will_restart():
                job.log(f"{error.what}; all processes start anew", "warning")
            else:
                job.emit("failed", error=error.what, do=error.do)
        raise
    except BaseException as error:
        known = explain(error, job.verb)
        state, message = "failed", str(known)
        with contextlib.suppress(OSError):
            job.emit("failed", error=known.what, do=known.do, traceback=traceback.format_exc())
        raise known from error
    finally:
        _record(workspace, lambda records: record_end(records, job.id, state, message, job.run, told=in_sight))


def _record(workspace: Workspace, write: Callable[[Any], None]) -> None:
    """Records of jobs are for looking back: a locked or damaged database must not end the work itself."""
    try:
        with open_records(workspace.database) as records:
            write(records)
    except (FextError, sqlite3.Error, OSError) as error:
        logging.getLogger("fext").warning("the job could not be recorded: %s", error)
