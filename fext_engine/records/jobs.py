"""Records of jobs: one row each, written when a job starts and when it ends, or is found to have ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fext_engine.records.database import Records


@dataclass(frozen=True)
class JobEnd:
    """How a job ended: `finished`, `failed`, `stopped` or `died`, with its last word; seconds since 1970."""

    id: str
    verb: str
    run: str | None
    state: str
    message: str
    ended_at: float | None


def record_start(records: Records, job_id: str, verb: str, run: str | None) -> None:
    """Note that a job runs now."""
    with records.connection as connection:
        connection.execute(
            "INSERT OR REPLACE INTO jobs (id, verb, state, run, started_at) VALUES (?, ?, 'running', ?, ?)",
            (job_id, verb, run, time.time()),
        )


def record_end(
    records: Records, job_id: str, state: str, message: str, run: str | None, *, told: bool = False
) -> None:
    """Note how a job ended: `finished`, `failed` or `stopped`, with its last word; `told` if it ran in sight."""
    with records.connection as connection:
        connection.execute(
            "UPDATE jobs SET state = ?, message = ?, run = coalesce(?, run), ended_at = ?, told = max(told, ?)"
            " WHERE id = ?",
            (state, message, run, time.time(), told, job_id),
        )


def ends_recorded(records: Records) -> dict[str, bool]:
    """Of every recorded job, by its id, whether its end is recorded too."""
    rows = records.connection.execute("SELECT id, state != 'running' AS ended FROM jobs")
    return {row["id"]: bool(row["ended"]) for row in rows}


def record_found_end(
    records: Records, job_id: str, state: str, message: str, *,
    verb: str, run: str | None, began: float, ended: float | None,
) -> None:
    """Note how a job ended that could not note it itself; nothing changes where an end is noted already."""
    with records.connection as connection:
        connection.execute(
            "INSERT INTO jobs (id, state, message, verb, run, started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET state = excluded.state, message = excluded.message,"
            " run = coalesce(excluded.run, run), ended_at = excluded.ended_at WHERE jobs.state = 'running'",
            (job_id, state, message, verb, run, began, ended),
        )  # fmt: skip


def mark_told(records: Records, job_id: str) -> None:
    """Note that somebody saw or sees how that job ends."""
    with records.connection as connection:
        connection.execute("UPDATE jobs SET told = 1 WHERE id = ?", (job_id,))


def take_untold(records: Records) -> list[JobEnd]:
    """The ends that nobody was told of, the oldest first; of several processes that ask, one is given each."""
    with records.connection as connection:
        rows = connection.execute(
            "UPDATE jobs SET told = 1 WHERE told = 0 AND state != 'running'"
            " RETURNING id, verb, run, state, message, ended_at"
        ).fetchall()
    return sorted((JobEnd(*row) for row in rows), key=lambda end: (end.ended_at or 0.0, end.id))
