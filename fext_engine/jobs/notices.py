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
    """Log such notices, unless this process shows them by itself, as the command line does."""
    logger, handler = logging.getLogger(LOG), _JobLog(job)
    if not logger.handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
