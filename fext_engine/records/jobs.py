"""Records of jobs: one row each, written when a job starts and when it ends, or is found to have ended."""

from __future__ import annotations

import time

from fext_engine.records.database import Records


def record_start(records: Records, job_id: str, verb: str, run: str | None) -> None:
    """Note that a job runs now."""
    with records.connection as connection:
        connection.execute(
            "INSERT OR REPLACE INTO jobs (id, verb, state, run, started_at) VALUES (?, ?, 'running', ?, ?)",
            (job_id, verb, run, time.time()),
        )


def record_end(records: Records, job_id: str, state: str, message: str, run: str | None) -> None:
    """Note how a job ended: `finished`, `failed` or `stopped`, with its last word."""
    with records.connection as connection:
        connection.execute(
            "UPDATE jobs SET state = ?, message = ?, run = coalesce(?, run), ended_at = ? WHERE id = ?",
            (state, message, run, time.time(), job_id),
        )


def ends_recorded(records: Records) -> dict[str, bool]:
    """Of every recorded job, by its id, whether its end is recorded too."""
    rows = records.connection.execute("SELECT id, state != 'running' AS ended FROM jobs")
    return {row["id"]: bool(row["ended"]) for row in rows}


def record_found_end(
    records: Records, job_id: str, state: str, message: str, *,
    verb: str, run: str | None, began: float, ended: float | None,
) -> bool:
    """Note how a job ended that could not note it itself.

    False when an end is noted already: of several processes that find it, one is told True.
    """
    with records.connection as connection:
        found = connection.execute(
            "INSERT INTO jobs (id, state, message, verb, run, started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET state = excluded.state, message = excluded.message,"
            " run = coalesce(excluded.run, run), ended_at = excluded.ended_at WHERE jobs.state = 'running'",
            (job_id, state, message, verb, run, began, ended),
        )
    return found.rowcount > 0
