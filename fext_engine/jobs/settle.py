"""Records set right for jobs that ended without noting it, and the end of each job told once."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from fext_engine.errors import FextError
from fext_engine.jobs.death import death_reason, last_sign
from fext_engine.jobs.supervisor import JobInfo, Supervisor
from fext_engine.paths import escape_name
from fext_engine.records import Records, with_records
from fext_engine.records.jobs import JobEnd, ends_recorded, mark_told, record_found_end, take_untold
from fext_engine.records.runs import record_interrupted, set_epochs
from fext_engine.training.history import read_history
from fext_engine.training.run_folder import RunFolder


def take_ends(supervisor: Supervisor) -> list[JobEnd]:
    """The jobs that ended while nobody followed them, the oldest first; each is given to one caller.

    Whoever gets an end here is the one to tell it: the database gives it once, whatever other processes
    ask. Where nothing can be recorded nothing is told, or it would be told at every start.
    """
    try:
        return with_records(supervisor.workspace.database, lambda records: _take_ends(supervisor, records))
    except (FextError, sqlite3.Error, OSError):
        return []


def _take_ends(supervisor: Supervisor, records: Records) -> list[JobEnd]:
    names = settle(supervisor, records)
    return [end for end in take_untold(records) if end.id in names]


def settle(supervisor: Supervisor, records: Records) -> set[str]:
    """Note the ends of all jobs that could not do so themselves; returns the names of the jobs that are there."""
    names = {folder.name for folder in supervisor.workspace.jobs.iterdir() if folder.is_dir()}
    ended = ends_recorded(records)
    for gone in [name for name, over in ended.items() if not over and name not in names]:
        words = "its folder was removed"
        record_found_end(records, gone, "died", words, verb="", run=None, began=0.0, ended=None)
    for name in sorted(names):
        if not ended.get(name):
            _settle(supervisor, records, name)
    return names


def note_told(supervisor: Supervisor, job_id: str) -> None:
    """Note that somebody sees how that job ends, and its end if it could not do so itself."""
    try:
        with_records(supervisor.workspace.database, lambda records: _note_told(supervisor, records, job_id))
    except (FextError, sqlite3.Error, OSError):
        return  # it is told again at the next start


def _note_told(supervisor: Supervisor, records: Records, job_id: str) -> None:
    _settle(supervisor, records, job_id)
    mark_told(records, job_id)


def _settle(supervisor: Supervisor, records: Records, name: str) -> None:
    """Note the end of a job that is over and may not have done so."""
    try:
        job = supervisor.find(name)
    except FextError:  # its request cannot be read
        return
    if job.is_active:
        return
    if job.run and job.verb in ("train", "resume"):
        _settle_run(records, RunFolder(supervisor.workspace.run(job.run)))
    record_found_end(
        records, name, job.state, last_words(job),
        verb=job.verb, run=job.run, began=job.created, ended=last_sign(job.folder),
    )  # fmt: skip


def last_words(job: JobInfo) -> str:
    """What an ended job said of its end, or why it may have died without a word."""
    data = job.last.data if job.last is not None else {}
    error, do = str(data.get("error") or data.get("message") or ""), str(data.get("do") or "")
    if job.state == "died":
        error, do = death_reason(job.folder)
    return f"{error}; {do}" if do else error


def _settle_run(records: Records, run: RunFolder) -> None:
    """Record of a run whose job was ended at once what its folder has: an epoch may not have been recorded."""
    if not run.path.is_dir():
        return
    # Another job that trains it already records it itself; of a run that was never recorded there is nothing to mend.
    with suppress(FextError, sqlite3.IntegrityError), run.locked():
        epochs = {record.epoch: record.values() for record in read_history(run.history)}
        set_epochs(records, escape_name(run.name), epochs)
        record_interrupted(records, escape_name(run.name))
