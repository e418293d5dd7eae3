"""All jobs, running and past: what became of each, its last words, and stopping the running ones."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_engine.jobs.supervisor import JobInfo
    from fext_tui.app import FextApp


def stop_with_question(app: FextApp, job_id: str) -> None:
    """Ask a job to stop; when it was asked before, end it at once after a question."""
    if job_id not in app.stops_asked:
        app.stops_asked.add(job_id)
        app.supervisor.stop(job_id)
        app.notify("Stopping: the job saves what it needs to go on. x again ends it at once.")
        return

    def end(sure: bool | None) -> None:
        if sure:
            app.supervisor.stop(job_id, hard=True)

    question = (
        "End the job now? What it did since its last checkpoint is lost; everything saved before stays."
    )
    app.push_screen(ConfirmDialog("Stop at once", question, "End it now"), end)


COLUMNS = (Column("started", 19), Column("verb", 9), Column("state", 9), Column("run", None))


class JobsDialog(ModalScreen[None]):
    """A list of jobs with the chosen one's end below it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,J,q", "dismiss", "Close"),
        Binding("x", "stop", "Stop the chosen job"),
        Binding("r", "reload", "Reload"),
    ]

    app: FextApp

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Jobs"
            yield RowList(id="job-list")
            yield Static("", id="job-detail", markup=False)
            yield Label("x stop   r reload   esc close", classes="note")

    def on_mount(self) -> None:
        self.action_reload()
        self.query_one(RowList).focus()

    def action_reload(self) -> None:
        """Read the jobs' folders again."""
        try:
            self.jobs = self.app.supervisor.jobs()
        except OSError as error:
            self.jobs = []
            self.notify(str(error), title="Jobs", severity="error", markup=False)
        rows = [
            (f"{datetime.fromtimestamp(job.created):%Y-%m-%d %H:%M:%S}", job.verb, job.state, job.run or "")
            for job in self.jobs
        ]
        self.query_one(RowList).set_source(TableRows(COLUMNS, rows))
        self._show()

    @on(RowList.Highlighted)
    def _show(self) -> None:
        index = self.query_one(RowList).cursor
        words = _last_words(self.jobs[index]) if index < len(self.jobs) else "No job was started yet."
        self.query_one("#job-detail", Static).update(words)

    def action_stop(self) -> None:
        """Stop the chosen job."""
        index = self.query_one(RowList).cursor
        if index < len(self.jobs) and self.jobs[index].is_active:
            stop_with_question(self.app, self.jobs[index].id)


def _last_words(job: JobInfo) -> str:
    lines = [f"{job.id}  in {job.folder}"]
    data = job.last.data if job.last else {}
    if job.state == "failed":
        lines += [str(data.get("error", "")), str(data.get("do", ""))]
    elif job.state == "stopped":
        lines.append(str(data.get("message", "")))
    elif job.state == "died":
        lines.append("The process died without a word; output.log in its folder has what it printed last.")
    elif job.progress is not None:
        lines.append("{stage}: {done} of {total} {unit}".format_map({"total": "?", **job.progress.data}))
    return "\n".join(line for line in lines if line)
