"""The log of one job, running or long over: what it said, and the last lines that its process printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.worker import Worker

from fext_tui.dialogs.dialog import Dialog
from fext_tui.following import JobUpdated, LogLine, follow
from fext_tui.widgets.log_lines import LEVELS
from fext_tui.widgets.log_pane import LogPane
from fext_tui.widgets.log_view import LogView
from fext_tui.widgets.text import printable

if TYPE_CHECKING:
    from fext_engine.jobs.supervisor import JobInfo

OUTPUT = "output.log"
PRINTED_LINES = 200


class JobLogDialog(Dialog[None]):
    """All that a job said, and the end of what its process printed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "Y",
            "copy_folder",
            "Copy folder",
            id="job-log.folder",
            tooltip="Copy the path of the job's folder",
        ),
    ]
    CSS = """
    JobLogDialog .dialog { width: 96% !important; height: 90%; padding: 0; }
    """

    class Printed(Message):
        """A worker has read the end of `output.log`."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, job: JobInfo) -> None:
        super().__init__()
        self._job = job

    def compose_content(self) -> ComposeResult:
        yield LogView()

    def on_mount(self) -> None:
        """Read the job's events from the first on, and go on with what comes."""
        job = self._job
        heading = f"{job.verb} {job.run}" if job.run else job.verb
        self.query_one(".dialog").border_title = Content(printable(f"{heading}, {job.id}"))
        self._log.level = LEVELS[0]
        self._log.focus()
        self._read()

    @work(thread=True, exit_on_error=False)
    def _read(self) -> None:
        from fext_engine.jobs.folder import output_tail

        follow(self.app.supervisor, self._job, self.post_message)
        self.post_message(self.Printed(output_tail(self._job.folder, PRINTED_LINES)))

    @property
    def _log(self) -> LogPane:
        return self.query_one(LogPane)

    def on_job_updated(self, message: JobUpdated) -> None:
        """Show what is new; this is a reading of its own, which the app's jobs know nothing of."""
        message.stop()
        self._log.add_all(message.log)

    @on(Printed)
    def _show_printed(self, message: Printed) -> None:
        now = time.time()
        lines = message.text.splitlines()
        heading = f"{OUTPUT} ends so:" if lines else f"{OUTPUT} is empty: the process printed nothing"
        self._log.add_all([LogLine(now, "debug", line) for line in (heading, *lines)])

    def action_copy_folder(self) -> None:
        """Copy the path of the job's folder."""
        self.app.copy(str(self._job.folder))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """The app says what failed; workers' messages do not bubble to it by themselves."""
        self.app.on_worker_state_changed(event)
