"""The jobs that the app follows: found or started, kept as they move, and told of when they end."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from fext_engine.errors import FextError
from fext_tui.following import LOG_LINES, JobFound, JobsDied, JobSnapshot, JobUpdated, LogLine, follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from fext_engine.jobs.settle import Death
    from fext_engine.jobs.supervisor import JobInfo, Supervisor
    from fext_tui.app import FextApp

LOOK_SECONDS = 2.0
ERROR_SECONDS = 15.0  # that a notice of a failure stays
DEATH_SECONDS = 30.0  # that one stays about what happened while nobody looked
DEATHS_TOLD = 3  # of many the newest


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
        """Look for jobs from now on, whoever starts them, and once for those that died meanwhile."""
        self._look()
        self._app.set_interval(LOOK_SECONDS, self._look)
        self._work("deaths", self._find_deaths)

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

    def _find_deaths(self) -> None:
        from fext_engine.jobs.settle import settle

        if deaths := settle(self.supervisor):
            self._app.post_message(JobsDied(deaths))

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
            more = f"{key('encodings')} searches and maps what was encoded, " if job.verb == "encode" else ""
            notify(f"{more}{key('log')} shows the log", title=f"{job.title} finished")

    def tell_deaths(self, deaths: list[Death]) -> None:
        """Tell of jobs that died while no FeXT looked; each of them is told once, whatever is started later."""
        deaths = [death for death in deaths if death.job.id not in self.by_id]  # those are followed to their end
        if not deaths:
            return
        self.noticed = deaths[-1].job.id
        key = self._app.key
        way = f"{key('jobs')} and {key('list.open')} show its log"
        words = [_death_words(death) for death in deaths[-DEATHS_TOLD:]]
        title = f"{deaths[-1].job.title} died"
        if len(deaths) > 1:
            way = f"{key('jobs')} lists them, {key('list.open')} shows the log of one"
            title = f"{len(deaths)} jobs died"
            words = [f"{death.job.title}: {of_it}" for death, of_it in zip(deaths[-DEATHS_TOLD:], words, strict=True)]
        text = "\n".join([*words, f"{way}."])
        self._app.notify(text, title=title, severity="error", timeout=DEATH_SECONDS)


def _death_words(death: Death) -> str:
    return f"{death.error}, last heard of {datetime.fromtimestamp(death.when):%Y-%m-%d %H:%M}; {death.do}"
