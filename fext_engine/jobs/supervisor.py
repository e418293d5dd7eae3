"""Starting jobs as processes of their own, listing, following and stopping them; any process may do so."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fext_engine.errors import FextError
from fext_engine.jobs import platform
from fext_engine.jobs.death import explain_death
from fext_engine.jobs.events import (
    ENDED_AT_ONCE,
    EVENTS_FILE,
    TERMINAL,
    Event,
    EventReader,
    EventWriter,
    parse_event,
)
from fext_engine.jobs.folder import (
    OUTPUT_FILE,
    JobRequest,
    claim,
    create_job,
    is_alive,
    read_pid,
    read_request,
)
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace

State = Literal["starting", "running", "finished", "failed", "stopped", "died"]
STARTING_SECONDS = 30.0  # how long a process may take from its start to its lock on a busy machine
TAIL_BYTES = 64 << 10


@dataclass(frozen=True)
class JobInfo:
    """What a list of jobs shows. `created` is in seconds since 1970; `last` the newest event, if any."""

    id: str
    verb: str
    state: State
    created: float
    run: str | None
    arguments: dict[str, Any]
    folder: Path
    progress: Event | None
    last: Event | None

    @property
    def is_active(self) -> bool:
        return self.state in ("starting", "running")

    @property
    def title(self) -> str:
        return f"{self.verb} {self.run}" if self.run else self.verb


class Supervisor:
    """The jobs of one workspace. What it holds in memory, a new one reads again from the folders."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._over: set[str] = set()  # ended jobs never come back to life; not to be read again

    def start(self, verb: str, settings: Settings, arguments: dict[str, Any] | None = None) -> str:
        """Start a job in a process of its own and return its id; raises FextError when that cannot be done."""
        folder = create_job(self.workspace, verb, settings, arguments or {})
        command = platform.python_module("fext_engine.jobs.child", str(self.workspace.root), str(folder))
        try:
            self._children[folder.name] = platform.start_detached(command, folder / OUTPUT_FILE)
        except OSError as error:
            raise FextError(f"cannot start the job: {error}", "check memory and disk space") from error
        return folder.name

    def jobs(self) -> list[JobInfo]:
        """All jobs, the newest first; folders that cannot be read are left out."""
        found = []
        for folder in sorted(self.workspace.jobs.iterdir(), key=lambda p: p.name, reverse=True):
            try:
                found.append(self._describe(folder, read_request(folder)))
            except FextError:
                continue
        return found

    def active(self) -> list[JobInfo]:
        """The jobs that run now, the newest first; cheap to ask again and again."""
        found = []
        for folder in sorted(self.workspace.jobs.iterdir(), key=lambda p: p.name, reverse=True):
            if folder.name in self._over:
                continue
            try:
                job = self._describe(folder, read_request(folder))
            except FextError:
                continue
            if job.is_active:
                found.append(job)
            else:
                self._over.add(folder.name)
        return found

    def find(self, job_id: str) -> JobInfo:
        """Return the job of that id, of a unique beginning of it, or the newest for `latest`."""
        names = sorted(p.name for p in self.workspace.jobs.iterdir() if p.is_dir())
        matching = names[-1:] if job_id == "latest" else [n for n in names if job_id and n.startswith(job_id)]
        if job_id in matching:
            matching = [job_id]
        if len(matching) != 1:
            problem = f"several jobs begin with {job_id!r}" if matching else f"there is no job {job_id!r}"
            raise FextError(problem, "`fext jobs` lists them")
        folder = self.workspace.jobs / matching[0]
        return self._describe(folder, read_request(folder))

    def follow(
        self, job_id: str, poll: float = 0.1, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        """Yield the job's events from its beginning, then as they come, up to how it ended; see `follow_batches`."""
        for events in self.follow_batches(job_id, poll, cancelled):
            yield from events

    def follow_batches(
        self, job_id: str, poll: float = 0.1, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[list[Event]]:
        """Yield what is new in the job, in batches of bounded size, the last one ending in a terminal event.

        An empty batch says that there is no more for now; the next look is `poll` seconds later.
        A process that died without a word is reported as `failed`, with the last lines it printed.
        """
        folder = self.workspace.jobs / job_id
        reader = EventReader(folder)
        while not cancelled():
            ended = self._state_without_word(folder) == "died"  # asked before reading: no last word is missed
            events = reader.read()
            if ended and not events:
                events = [explain_death(folder, self._exit_code(folder.name))]
            yield events
            if events and events[-1].kind in TERMINAL:
                return
            if not events:
                time.sleep(poll)

    def stop(self, job_id: str, hard: bool = False) -> None:
        """Ask a job to save its state and stop, or (`hard`) end it and its workers at once."""
        folder = self.workspace.jobs / job_id
        if not self._describe(folder, read_request(folder)).is_active:
            return
        pid = read_pid(folder)
        child = self._children.get(job_id)
        if hard and pid is None and child is not None and child.poll() is None:
            pid = child.pid  # started, but not at work yet
        if hard and pid is not None:
            platform.end_now(pid)
            with contextlib.suppress(FextError), claim(folder):
                self._note_the_end(folder)
        else:
            platform.ask_to_stop(pid, folder)

    def _note_the_end(self, folder: Path) -> None:
        """Say for a process that was ended at once how it ended, unless it did so itself."""
        if not any(event.kind in TERMINAL for event in _last_events(folder)):
            writer = EventWriter(folder)
            writer.write(Event("stopped", dict(ENDED_AT_ONCE)))
            writer.close()

    def _describe(self, folder: Path, request: JobRequest) -> JobInfo:
        events = _last_events(folder)
        state: State | None = _own_word(events)
        if state is None and (state := self._state_without_word(folder, request.created)) == "died":
            events = _last_events(folder)  # its last word may have come between the two looks
            state = _own_word(events) or state
        run = next(
            (e.data["run"] for e in reversed(events) if e.data.get("run")), request.arguments.get("run")
        )
        progress = next((e for e in reversed(events) if e.kind == "progress"), None)
        return JobInfo(
            request.id, request.verb, state, request.created, run, request.arguments, folder, progress,
            events[-1] if events else None,
        )  # fmt: skip

    def _exit_code(self, job_id: str) -> int | None:
        child = self._children.get(job_id)
        return child.poll() if child is not None else None

    def _state_without_word(self, folder: Path, created: float | None = None) -> State:
        """The state of a job that has not said how it ended."""
        if is_alive(folder):
            return "running"
        child = self._children.get(folder.name)
        if child is not None:
            return "starting" if child.poll() is None else "died"
        if (folder / EVENTS_FILE).exists():
            return "died"
        age = time.time() - (created if created is not None else folder.stat().st_mtime)
        return "starting" if 0 <= age < STARTING_SECONDS else "died"


def _own_word(events: list[Event]) -> State | None:
    """How a job ended, by what it said itself."""
    return events[-1].kind if events and events[-1].kind in TERMINAL else None  # type: ignore[return-value]


def _last_events(folder: Path) -> list[Event]:
    """The events at the end of a job's file, without reading all of a long one."""
    try:
        with (folder / EVENTS_FILE).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return []
    return [event for line in lines if (event := parse_event(line))]
