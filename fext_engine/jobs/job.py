"""The job as the working code sees it: what is asked, and a mouth to say what happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from fext_engine.jobs import platform
from fext_engine.jobs.before import Before
from fext_engine.jobs.events import Event, EventWriter, Kind
from fext_engine.jobs.folder import JobRequest
from fext_engine.paths import escape_name
from fext_engine.ranks import ALONE, Ranks
from fext_engine.workspace import Workspace

Level = Literal["debug", "info", "warning", "error"]
PROGRESS_SECONDS = 0.25
PROGRESS_SECONDS_LATER = 2.0  # of a stage that runs for long: a week of training stays quick to read again
STOP_POLL_SECONDS = 0.25
RATE_SECONDS = 10.0  # the rate is an average over about this long, so that the ETA follows a change of speed


class Job:
    """One job at work. A verb is called with it, speaks through it and asks it whether to stop."""

    def __init__(
        self,
        workspace: Workspace,
        folder: Path,
        request: JobRequest,
        listeners: tuple[Callable[[Event], None], ...],
        *,
        ranks: Ranks = ALONE,
        before: Before | None = None,
    ) -> None:
        self.workspace = workspace
        self.ranks = ranks
        self.before = before
        self.folder = folder
        self.id = request.id
        self.verb = request.verb
        self.settings = request.settings
        self.arguments: Mapping[str, Any] = request.arguments
        self.run: str | None = None
        self.stops_asked = 0
        self._listeners = listeners
        self._events = EventWriter(folder)
        self._stage = _Stage("")
        self._stop_polled = 0.0
        self._shared: tuple[str, int, int | None, str] | None = None

    def emit(self, kind: Kind, **data: Any) -> None:
        """Write an event to the job's file and tell every listener."""
        event = Event(kind, {"run": self.run, **data} if self.run else data)
        self._events.write(event)
        for listener in self._listeners:
            listener(event)

    def progress(
        self,
        stage: str,
        done: int,
        total: int | None,
        unit: str = "images",
        more: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        """Say how far `stage` is: `done` of `total` (None: not known yet).

        Call it as often as you like: at most four events a second are written, after minutes one in two
        seconds, and always the last one.
        The rate (units a second, over the last seconds) and the ETA (seconds) are worked out here. `more`
        gives further figures, and is asked only when an event is written.
        """
        now = time.monotonic()
        if self._shared is not None and self.ranks.board is not None:
            self._shared = (stage, done, total, unit)
            done = self.ranks.board.add_up(stage, done)
        if stage != self._stage.name:
            self._stage = _Stage(stage)
        if self._stage.is_due(done, total, now):
            rate = self._stage.rate(done, now)
            eta = (total - done) / rate if total is not None and rate else None
            figures = more() if more is not None else {}
            self.emit(
                "progress", stage=stage, done=done, total=total, unit=unit, rate=rate, eta=eta, **figures
            )

    @contextmanager
    def shared(self) -> Iterator[None]:
        """A block in which each process of the job does its share of the work.

        Progress is told of its own part, and shown of all. Whoever raises JobStopped or another FextError ends it
        for all of them; see `Ranks.together`.
        """
        self._shared = ("", 0, None, "")
        try:
            with self.ranks.together(self._wait):
                yield
        finally:
            self._shared = None

    def _wait(self) -> None:
        """What is done while others are still at work: tell how far they are, and call them off at a stop."""
        if self._shared is not None and self._shared[0]:
            self.progress(*self._shared)
        if self.stop_requested and self.ranks.board is not None:
            self.ranks.board.call_off()

    def metric(self, epoch: int, values: Mapping[str, float], **more: Any) -> None:
        """Report the figures of an epoch, counted from 1."""
        self.emit("metric", epoch=epoch, values=dict(values), **more)

    def sample(self, path: Path, epoch: int) -> None:
        """Report a picture of reconstructions of an epoch."""
        self.emit("sample", path=escape_name(str(path)), epoch=epoch)

    def artifact(self, path: Path, kind: str) -> None:
        """Report a file or folder that the job made."""
        self.emit("artifact", path=escape_name(str(path)), artifact=kind)

    def log(self, message: str, level: Level = "info") -> None:
        """Say something to the person who reads the log; file names in it must be escaped."""
        self.emit("log", level=level, message=message)

    def belongs_to(self, run: str) -> None:
        """Say which run the job works on, as soon as that is known."""
        self.run = run
        self.emit("log", level="debug", message=f"run {run}")

    @property
    def stop_requested(self) -> bool:
        """Whether to save a resumable state now and raise JobStopped; cheap enough for every batch."""
        now = time.monotonic()
        if not self.stops_asked and now - self._stop_polled > STOP_POLL_SECONDS:
            self._stop_polled = now
            board = self.ranks.board
            asked = platform.stop_was_asked(self.folder) or (board is not None and board.called_off)
            self.stops_asked = int(asked)
        return self.stops_asked > 0

    @property
    def stop_agreed(self) -> bool:
        """The same for processes that go step by step together: whether one of them was asked to stop."""
        return self.ranks.any(self.stop_requested)

    def close(self) -> None:
        """Close the events file."""
        self._events.close()


class _Stage:
    """Timing of one stage of the progress."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._began: float | None = None
        self._last_event = -1e9
        self._mark: tuple[float, int] | None = None
        self._rate = 0.0
        self._seconds = 0.0

    def is_due(self, done: int, total: int | None, now: float) -> bool:
        if self._began is None:
            self._began = now
        pause = min(PROGRESS_SECONDS_LATER, max(PROGRESS_SECONDS, (now - self._began) / 240))
        if now - self._last_event < pause and done != total:
            return False
        self._last_event = now
        return True

    def rate(self, done: int, now: float) -> float | None:
        """Units a second: the plain average at first, then one that forgets within about RATE_SECONDS."""
        if self._mark is None or done < self._mark[1]:
            self._mark = (now, done)
        elapsed, step = now - self._mark[0], done - self._mark[1]
        if elapsed > 0.05 and step > 0:
            self._seconds += elapsed
            weight = min(1.0, elapsed / min(self._seconds, RATE_SECONDS))
            self._rate += (step / elapsed - self._rate) * weight
            self._mark = (now, done)
        return self._rate or None
