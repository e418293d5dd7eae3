"""What the records have to say while a job runs, as lines of the job's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fext_engine.jobs.job import Job
from fext_engine.records.recovery import LOG


class _JobLog(logging.Handler):
    def __init__(self, job: Job) -> None:
        super().__init__(logging.WARNING)
        self._job = job

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # of a full disk, which the next event meets as well
            self._job.log(record.getMessage(), "warning")


@contextmanager
def notices_logged(job: Job) -> Iterator[None]:
    """Log such notices, in place of whatever shows them otherwise: the job's log is seen everywhere."""
    logger = logging.getLogger(LOG)
    before, logger.handlers = logger.handlers, [_JobLog(job)]
    try:
        yield
    finally:
        logger.handlers = before
