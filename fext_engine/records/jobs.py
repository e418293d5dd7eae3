"""Records of jobs: one row each, written when a job starts and when it ends."""

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
