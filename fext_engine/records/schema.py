"""The database's tables, as an ordered list of migrations: number i brings a database to version i + 1.

A migration that has been released is never edited; a change is a new one at the end. Paths are the
printable, reversible text of `fext_engine.paths`; times are seconds since 1970 in UTC.
"""

from __future__ import annotations

from fext_engine.records.health_schema import HEALTH
from fext_engine.records.image_schema import IMAGES
from fext_engine.records.measure_schema import CHANNEL_MEASURES
from fext_engine.records.report_schema import REPORT_DETAILS
from fext_engine.records.run_schema import JOBS_TOLD, RUN_METRICS, RUN_NOTES, RUNS

_RUNS_AND_JOBS = """
CREATE TABLE jobs (
    id            TEXT PRIMARY KEY,
    verb          TEXT NOT NULL,
    state         TEXT NOT NULL,
    run           TEXT,
    started_at    REAL NOT NULL,
    ended_at      REAL,
    message       TEXT NOT NULL DEFAULT ''
) STRICT;
"""

MIGRATIONS: tuple[str, ...] = (
    _RUNS_AND_JOBS, IMAGES, RUNS, REPORT_DETAILS, HEALTH, CHANNEL_MEASURES, RUN_NOTES, RUN_METRICS,
    JOBS_TOLD,
)  # fmt: skip
