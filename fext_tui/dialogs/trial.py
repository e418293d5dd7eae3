"""A trial before a training: a job that is followed in a dialog, and cancelled with it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Label, Static

if TYPE_CHECKING:
    from fext_tui.app import FextApp
    from fext_tui.following import JobSnapshot

LOOK_SECONDS = 0.2
VERBS = ("estimate", "find-lr")
"""The jobs whose end a dialog shows, so that no notice tells it."""


class TrialDialog(ModalScreen[ScreenResultType]):
    """Follows a job. A child says what is `TRIED`, what came of it, and what one may do then."""

    HEADING: ClassVar[str]
    TRIED: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Cancel or close", id="trial.close"),
    ]

    app: FextApp

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self.HEADING
            yield from self.compose_content()
            yield Label(f"{self.app.key('trial.close')} cancel", id="trial-keys", classes="note")

    def compose_content(self) -> ComposeResult:
        """Yield what stands above the keys: the words, at least."""
        yield Static("", id="trial", markup=False)

    def on_mount(self) -> None:
        self._look()
        self._timer = self.set_interval(LOOK_SECONDS, self._look)

    @property
    def job(self) -> JobSnapshot:
        """The job as it stands."""
        return self.app.jobs[self._job_id]

    def _look(self) -> None:
        """Show how far the job is, or what came of it."""
        job = self.job
        text, keys = f"{job.error or job.state}\n{job.do}", ""
        if job.is_active:
            text = f"{self.TRIED}\n{_progress(job.progress)}"
        elif job.state == "finished":
            text, keys = self.outcome(job.summary)
        self.query_one("#trial", Static).update(text)
        self.query_one("#trial-keys", Label).update(
            f"{keys}{self.app.key('trial.close')} {'cancel' if job.is_active else 'close'}"
        )
        self.show(job)
        if not job.is_active:
            self._timer.stop()

    @abstractmethod
    def outcome(self, summary: Mapping[str, Any]) -> tuple[str, str]:
        """What came of the job, in words, and the keys that are of use now, followed by blanks."""

    def show(self, job: JobSnapshot) -> None:
        """Show what a child shows beside the words."""

    def action_close(self) -> None:
        """Close; a trial that is not ready yet is cancelled."""
        if self.job.is_active:
            self.app.supervisor.stop(self._job_id)
        self.dismiss(None)


def _progress(progress: Mapping[str, Any]) -> str:
    if not progress:
        return "starting"
    total = f" of {progress['total']}" if progress.get("total") is not None else ""
    return f"{progress.get('stage', '')}: {progress.get('done', 0)}{total}"
