"""Following jobs from the UI: threads that read events and post immutable snapshots, a few times a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.message import Message
from textual.worker import get_current_worker

if TYPE_CHECKING:
    from fext_engine.jobs.events import Event
    from fext_engine.jobs.supervisor import JobInfo, Supervisor
    from fext_engine.records.jobs import JobEnd

POLL_SECONDS = 0.25
LOG_LINES = 5000
"""How many lines of the log are kept, of all jobs."""


class LogLine(NamedTuple):
    """One line of a job's log. `time` is in seconds since 1970."""

    time: float
    level: str
    text: str


@dataclass(frozen=True)
class JobSnapshot:
    """All that the screens show of a job, as of one moment. Progress keys are those of the event."""

    id: str
    verb: str
    run: str | None = None
    state: str = "starting"
    progress: dict[str, Any] = field(default_factory=dict)
    sample: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    do: str = ""
    epochs_reported: int = 0

    @property
    def is_active(self) -> bool:
        return self.state in ("starting", "running")

    @property
    def title(self) -> str:
        return f"{self.verb} {self.run}" if self.run else self.verb


class JobFound(Message):
    """A job runs that is not followed yet."""

    def __init__(self, job: JobInfo) -> None:
        super().__init__()
        self.job = job


class JobsEnded(Message):
    """Jobs ended while nobody followed them, the oldest first."""

    def __init__(self, ends: list[JobEnd]) -> None:
        super().__init__()
        self.ends = ends


class JobUpdated(Message):
    """A job moved on. `log` holds only what is new."""

    def __init__(self, job: JobSnapshot, log: tuple[LogLine, ...]) -> None:
        super().__init__()
        self.job = job
        self.log = log


def advance(job: JobSnapshot, events: Iterable[Event]) -> tuple[JobSnapshot, tuple[LogLine, ...]]:
    """Return the job after `events`, and the log lines among them."""
    changes: dict[str, Any] = {}
    log: list[LogLine] = []
    epochs = job.epochs_reported
    for event in events:
        data = event.data
        if data.get("run"):
            changes["run"] = str(data["run"])
        match event.kind:
            case "started":
                changes["state"] = "running"
                log.append(LogLine(event.time, "info", f"{job.verb} started, job {job.id}"))
            case "progress":
                changes["progress"] = data
            case "metric":
                epochs += 1
                log.append(LogLine(event.time, "info", _epoch_line(data)))
            case "sample":
                changes["sample"] = str(data.get("path", ""))
            case "log":
                log.append(LogLine(event.time, str(data.get("level", "info")), str(data.get("message", ""))))
            case "artifact":
                log.append(LogLine(event.time, "info", f"wrote {data.get('path', '')}"))
            case "finished":
                changes |= {"state": "finished", "summary": dict(data.get("summary") or {})}
                log.append(LogLine(event.time, "info", f"{job.verb} finished"))
            case "stopped":
                changes |= {"state": "stopped", "do": str(data.get("message", ""))}
                log.append(LogLine(event.time, "warning", changes["do"]))
            case "failed":
                changes |= {
                    "state": "failed",
                    "error": str(data.get("error", "")),
                    "do": str(data.get("do", "")),
                }
                log.append(LogLine(event.time, "error", f"{changes['error']}; {changes['do']}"))
                log += [
                    LogLine(event.time, "debug", line) for line in str(data.get("traceback", "")).splitlines()
                ]
    return replace(job, epochs_reported=epochs, **changes), tuple(log)


def follow(supervisor: Supervisor, info: JobInfo, post: Callable[[JobUpdated], object]) -> None:
    """Follow one job to its end, in a worker thread; ends within a moment when the worker is cancelled."""
    from fext_engine.jobs.settle import note_told

    worker = get_current_worker()
    job = posted = JobSnapshot(info.id, info.verb, info.run, info.state)
    log: deque[LogLine] = deque(maxlen=LOG_LINES)
    due = 0.0
    for events in supervisor.follow_batches(info.id, POLL_SECONDS, lambda: worker.is_cancelled):
        if events:
            job, new = advance(job, events)
            log.extend(new)
        # A job that has run for long is read again in many batches: they are put together.
        if job is not posted and (not events or not job.is_active or monotonic() >= due):
            post(JobUpdated(job, tuple(log)))
            posted, due = job, monotonic() + POLL_SECONDS
            log.clear()
    if not job.is_active:
        note_told(supervisor, job.id)  # what was seen here is not told at the next start


def _epoch_line(data: dict[str, Any]) -> str:
    values = data.get("values")
    shown = [
        f"{name} {value:.4f}"
        for name, value in (values.items() if isinstance(values, dict) else ())
        if name in ("loss", "val_loss", "mae", "val_mae") and isinstance(value, int | float)
    ]
    return f"epoch {data.get('epoch', '?')}: " + ", ".join(shown)
