"""The jobs that the app follows: found or started, kept as they move, and told of when they end."""

from __future__ import annotations

from collections import deque
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from fext_engine.errors import FextError
from fext_engine.records.times import local_time
from fext_tui.following import LOG_LINES, JobFound, JobsEnded, JobSnapshot, JobUpdated, LogLine, follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from fext_engine.jobs.supervisor import JobInfo, Supervisor
    from fext_engine.records.jobs import JobEnd
    from fext_tui.app import FextApp

LOOK_SECONDS = 2.0
ERROR_SECONDS = 15.0  # that a notice of a failure stays
AWAY_SECONDS = 30.0  # that one stays about what went wrong while nobody looked
ENDS_TOLD = 3  # of many the newest


class FollowedJobs:
    """Screens come and go, the work goes on. `by_id` has the newest snapshot of each job of this session."""

    def __init__(self, app: FextApp) -> None:
        self._app = app
        self.by_id: dict[str, JobSnapshot] = {}
        self.log_lines: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.log_count = 0
        self.stops_asked: set[str] = set()  # jobs that were asked to stop; asked again, they are ended
        self.noticed: str | None = None
        """The job of the last bad notice, until the list of jobs has shown it."""

    @cached_property
    def supervisor(self) -> Supervisor:
        """The jobs of the workspace; made at first use, after the first paint."""
        from fext_engine.jobs.supervisor import Supervisor

        return Supervisor(self._app.workspace)

    @property
    def active(self) -> list[JobSnapshot]:
        """The jobs that run now, the oldest first."""
        return sorted((job for job in self.by_id.values() if job.is_active), key=lambda job: job.id)

    def watch(self) -> None:
        """Look for jobs from now on, whoever starts them, and once for those that ended meanwhile."""
        self._look()
        self._app.set_interval(LOOK_SECONDS, self._look)
        self._work("ends", self._find_ends)

    def _work(self, group: str, work: Callable[[], None], **more: Any) -> None:
        self._app.run_worker(work, group=group, thread=True, exit_on_error=False, **more)

    def _look(self) -> None:
        self._work("look", self._find_active, exclusive=True)

    def _find_active(self) -> None:
        try:
            active = self.supervisor.active()
        except OSError:  # the folder is gone for a moment, or for good: the next look tells
            return
        for job in active:
            if job.id not in self.by_id:
                self._app.post_message(JobFound(job))

    def _find_ends(self) -> None:
        from fext_engine.jobs.settle import take_ends

        if ends := take_ends(self.supervisor):
            self._app.post_message(JobsEnded(ends))

    def follow(self, job: JobInfo) -> None:
        """Follow a job to its end."""
        if job.id not in self.by_id:
            self.by_id[job.id] = JobSnapshot(job.id, job.verb, job.run, job.state)
            self._work("follow", partial(follow, self.supervisor, job, self._app.post_message), name=job.id)

    def start(self, verb: str, arguments: dict[str, Any] | None = None) -> str | None:
        """Start a job with the settings in hand, follow it and return its id; a failure to start is a notice."""
        try:
            self._app.remember_settings()
            job_id = self.supervisor.start(verb, self._app.settings, arguments)
            self.follow(self.supervisor.find(job_id))
        except (FextError, OSError) as error:
            self._app.notify(str(error), title=f"{verb} did not start", severity="error")
            return None
        self._show()
        return job_id

    def take(self, message: JobUpdated) -> None:
        """Keep the newest snapshot, say how a job ended, and let the screen show it."""
        job, before = message.job, self.by_id.get(message.job.id)
        self.by_id[job.id] = job
        self.log_lines.extend(message.log)
        self.log_count += len(message.log)
        if before is not None and before.is_active and not job.is_active:
            self._tell_end(job)
        self._show()

    def _show(self) -> None:
        from fext_tui.screens.workbench import WorkbenchScreen

        for screen in reversed(self._app.screen_stack):
            if isinstance(screen, WorkbenchScreen):
                screen.show_jobs()
                return

    def _tell_end(self, job: JobSnapshot) -> None:
        from fext_tui.dialogs.trial import VERBS

        notify = self._app.notify
        if job.state == "failed":
            self.noticed = job.id
            notify(f"{job.error}; {job.do}", title=f"{job.title} failed", severity="error", timeout=ERROR_SECONDS)
        elif job.state == "stopped":
            notify(job.do or "stopped", title=f"{job.title} stopped", severity="warning")
        elif job.verb not in VERBS:  # a dialog shows how they end
            key = self._app.key
            more = ""
            if job.verb == "export":
                more = f"{job.summary.get('folder')}\n"
            elif job.verb == "encode":
                more = f"{key('encodings')} searches and maps what was encoded, "
            notify(f"{more}{key('log')} shows the log", title=f"{job.title} finished")

    def tell_ends(self, ends: list[JobEnd]) -> None:
        """Tell of jobs that ended while no FeXT looked; each of them is told once, whatever is started later."""
        ends = [end for end in ends if end.id not in self.by_id]  # those are followed to their end
        if not ends:
            return
        bad = [end for end in ends if end.state in ("failed", "died")]
        self.noticed = (bad or ends)[-1].id
        jobs, opens = self._app.key("jobs"), self._app.key("list.open")
        if len(ends) == 1:
            title, way = f"{_title(ends[0])} {ends[0].state}", f"{jobs} and {opens} show its log"
            words = [_words(ends[0])]
        else:
            title, way = f"{len(ends)} jobs ended", f"{jobs} lists them, {opens} shows the log of one"
            words = [f"{_title(end)}: {_words(end)}" for end in (bad or ends)[-ENDS_TOLD:]]
            if bad and len(bad) < len(ends):
                title += f", {len(bad)} of them badly"
        self._app.notify(
            "\n".join([*words, f"{way}."]),
            title=f"{title} while you were away",
            severity="error" if bad else "information",
            timeout=AWAY_SECONDS if bad else ERROR_SECONDS,
        )


def _title(end: JobEnd) -> str:
    return f"{end.verb} {end.run}" if end.run else end.verb


def _words(end: JobEnd) -> str:
    when = f"{local_time(end.ended_at):%Y-%m-%d %H:%M}" if end.ended_at else "at an unknown time"
    if end.state == "died":
        error, _, do = end.message.partition("; ")
        return f"{error}, last heard of {when}; {do}"
    return f"{end.state} {when}" + (f": {end.message}" if end.message else "")
