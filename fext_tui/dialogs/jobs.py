"""All jobs, running and past: what became of each, its last words, and stopping the running ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from fext_engine.paths import escape_name, printable
from fext_engine.records.times import local_time
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.dialogs.dialog import Dialog
from fext_tui.dialogs.job_log import JobLogDialog
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_engine.jobs.supervisor import JobInfo
    from fext_tui.app import FextApp


def stop_with_question(app: FextApp, job_id: str) -> None:
    """Ask a job to stop; when it was asked before, end it at once after a question."""
    if job_id not in app.followed.stops_asked:
        app.followed.stops_asked.add(job_id)
        app.supervisor.stop(job_id)
        app.notify(
            f"Stopping: the job saves what it needs to go on. {app.key('job.stop')} again ends it at once."
        )
        return

    def end(sure: bool | None) -> None:
        if sure:
            app.supervisor.stop(job_id, hard=True)

    question = (
        "End the job now? What it did since its last checkpoint is lost; everything saved before stays."
    )
    app.push_screen(ConfirmDialog("Stop at once", question, "End it now"), end)


COLUMNS = (Column("started", 19), Column("verb", 9), Column("state", 9), Column("run", None))


class JobsDialog(Dialog[None]):
    """All jobs, the newest first, with the chosen one's end below them; Enter shows its log."""

    HEADING = "Jobs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("L", "open_log", "Log", id="jobs.log", tooltip="All that the chosen job said and printed"),
        Binding("x", "stop", "Stop", id="job.stop", tooltip="Stop the chosen job"),
        Binding("r", "reload", "Reload", id="jobs.reload"),
        Binding("J", "dismiss(None)", "Close", show=False, id="jobs.close"),
    ]

    def __init__(self, job_id: str | None = None) -> None:
        """Create the dialog with the job `job_id` chosen, by default the newest."""
        super().__init__()
        self._wanted = job_id

    def compose_content(self) -> ComposeResult:
        yield RowList(id="job-list", empty="No job was started yet")
        yield Static("", id="job-detail", markup=False)

    def on_mount(self) -> None:
        self.jobs: list[JobInfo] = []
        self.action_reload()
        self.query_one(RowList).focus()

    def action_reload(self) -> None:
        """Read the jobs' folders again; the chosen job stays chosen."""
        chosen = self._wanted if self._chosen is None else self._chosen.id
        try:
            self.jobs = self.app.supervisor.jobs()
        except OSError as error:
            self.jobs = []
            self.notify(str(error), title="Jobs", severity="error", markup=False)
        rows = [
            (f"{local_time(job.created):%Y-%m-%d %H:%M:%S}", job.verb, job.state, job.run or "")
            for job in self.jobs
        ]
        ids = [job.id for job in self.jobs]
        cursor = ids.index(chosen) if chosen in ids else 0
        self.query_one(RowList).set_source(TableRows(COLUMNS, rows, ids), cursor=cursor)
        self._show()

    @property
    def _chosen(self) -> JobInfo | None:
        index = self.query_one(RowList).cursor
        return self.jobs[index] if index < len(self.jobs) else None

    @on(RowList.Highlighted)
    def _show(self) -> None:
        self.query_one("#job-detail", Static).update(_last_words(self._chosen) if self._chosen else "")

    def action_stop(self) -> None:
        """Stop the chosen job."""
        if self._chosen is not None and self._chosen.is_active:
            stop_with_question(self.app, self._chosen.id)

    @on(RowList.Selected)
    def action_open_log(self) -> None:
        """Show all that the chosen job said and printed."""
        if self._chosen is not None:
            self.app.push_screen(JobLogDialog(self._chosen))


def _last_words(job: JobInfo) -> str:
    """How the job stands or ended, one printable line a fact."""
    lines = [f"in {escape_name(str(job.folder))}"]
    data = job.last.data if job.last else {}
    if job.state == "failed":
        lines += [str(data.get("error", "")), str(data.get("do", ""))]
    elif job.state == "stopped":
        lines.append(str(data.get("message", "")))
    elif job.state == "died":
        from fext_engine.jobs.death import death_reason

        lines += death_reason(job.folder)
    elif job.progress is not None:
        lines.append("{stage}: {done} of {total} {unit}".format_map({"total": "?", **job.progress.data}))
    return "\n".join(printable(line) for line in lines if line)
