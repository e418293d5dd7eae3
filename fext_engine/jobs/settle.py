"""Records set right for jobs that ended without noting it, and each death among them told once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from fext_engine.errors import FextError
from fext_engine.jobs.death import death_reason, last_sign
from fext_engine.jobs.supervisor import JobInfo, Supervisor
from fext_engine.records import Records, open_records
from fext_engine.records.jobs import ends_recorded, record_found_end


@dataclass(frozen=True)
class Death:
    """A job that died without a word. `error` says so, `do` why that may be and what to do."""

    job: JobInfo
    error: str
    do: str
    when: float
    """When it last wrote something, in seconds since 1970."""


def settle(supervisor: Supervisor, job_id: str | None = None) -> list[Death]:
    """Note the end of every job (or of that one) whose record has none, and return those that died, oldest first.

    Whoever gets a death here is the one to tell it: the database gives it to one caller, whatever other
    processes ask. Where nothing can be recorded nothing is told, or it would be told at every start.
    """
    try:
        with open_records(supervisor.workspace.database) as records:
            ended = ends_recorded(records)
            names = sorted(folder.name for folder in supervisor.workspace.jobs.iterdir() if folder.is_dir())
            for gone in [name for name, over in ended.items() if not over and name not in names]:
                words = "its folder was removed"
                record_found_end(records, gone, "died", words, verb="", run=None, began=0.0, ended=None)
            asked = names if job_id is None else [job_id]
            found = [_settle_one(supervisor, records, name) for name in asked if not ended.get(name)]
    except (FextError, sqlite3.Error, OSError):
        return []
    return [death for death in found if death is not None]


def _settle_one(supervisor: Supervisor, records: Records, name: str) -> Death | None:
    try:
        job = supervisor.find(name)
    except FextError:  # its request cannot be read
        return None
    if job.is_active:
        return None
    died, when = job.state == "died", last_sign(job.folder)
    data = job.last.data if job.last is not None else {}
    error, do = str(data.get("error") or data.get("message") or ""), str(data.get("do") or "")
    if died:
        error, do = death_reason(job.folder)
    mine = record_found_end(
        records, name, job.state, f"{error}; {do}" if do else error,
        verb=job.verb, run=job.run, began=job.created, ended=when,
    )  # fmt: skip
    return Death(job, error, do, when) if mine and died else None
