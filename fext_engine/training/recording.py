"""Keeping the database's record of a run up to date while it trains."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from types import TracebackType
from typing import Self

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.records import Records, with_records
from fext_engine.records.runs import RunRecord, add_epoch, set_epochs, set_note, upsert_run
from fext_engine.settings import Settings
from fext_engine.training.history import EpochRecord
from fext_engine.training.run_folder import RunFolder


class RunRecorder:
    """Records that a run trains, each epoch, and how it ended.

    The run's folder is what counts: a database that is locked or damaged is told about, and training goes on.
    """

    def __init__(
        self, job: Job, run: RunFolder, settings: Settings, planned_epochs: int, history: list[EpochRecord]
    ) -> None:
        self._job, self._run, self._planned = job, run, planned_epochs
        self._settings, self._history = settings, history
        self._name = escape_name(run.name)

    def add(self, record: EpochRecord) -> None:
        """Record an epoch."""
        self._write(lambda records: add_epoch(records, self._name, record.epoch, record.values()))

    def __enter__(self) -> Self:
        self._set_state("running")
        epochs = {record.epoch: record.values() for record in self._history}
        self._write(lambda records: set_epochs(records, self._name, epochs))
        self._write(lambda records: set_note(records, self._name, self._run.read_note()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopped = isinstance(error, JobStopped)
        self._set_state("finished" if error is None else "stopped" if stopped else "failed")

    def _set_state(self, state: str) -> None:
        record = RunRecord(
            name=self._name, model=self._settings.model.name, state=state, epochs_planned=self._planned,
            images=self._settings.dataset.images, configuration=self._run.configuration.read_text("utf-8"),
        )  # fmt: skip
        self._write(lambda records: upsert_run(records, record))

    def _write(self, write: Callable[[Records], None]) -> None:
        try:
            with_records(self._job.workspace.database, write)
        except (FextError, sqlite3.Error) as error:
            self._job.log(f"the run could not be recorded in the database: {error}", "warning")
