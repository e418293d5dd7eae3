"""The Model screen: settings, training live, and the runs there are."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.following import JobSnapshot
from fext_tui.screens.workbench import TitleLine, WorkbenchScreen
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.loss_plot import LossPlot
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import format_figure

if TYPE_CHECKING:
    from pathlib import Path

    from fext_engine.records.runs import RunSummary
    from fext_engine.settings import Settings

COLUMNS = (Column("run"), Column("state", 11), Column("epochs", 9, "right"), Column("best loss", 9, "right"))
SECTIONS = ("model", "training", "schedule", "augmentation", "dataset", "device", "session", "inference")


class HistoryRead(Message):
    """A worker has read a run's history: one mapping an epoch, and the newest sample picture's path."""

    def __init__(self, request: int, run: str, history: list[dict[str, float]], sample: Path | None) -> None:
        super().__init__()
        self.request = request
        self.run = run
        self.history = history
        self.sample = sample


class ModelScreen(WorkbenchScreen):
    """Train an autoencoder and watch it learn; resume, evaluate and encode with the runs there are."""

    MODE = "model"
    CSS_PATH = "model.tcss"
    FORM = SECTIONS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "train", "Train", id="model.train"),
        Binding("r", "resume", "Resume", id="model.resume", tooltip="Train the chosen run for more epochs"),
        Binding(
            "v", "evaluate", "Evaluate", id="model.evaluate", tooltip="Metrics and figures of the chosen run"
        ),
        Binding(
            "e", "encode", "Encode", id="model.encode", tooltip="Latent vectors of a folder by the chosen run"
        ),
        Binding("p", "presets", "Presets", id="model.presets"),
        Binding("m", "metric", "Metric", id="model.metric", show=False, tooltip="Plot another metric"),
        Binding("l", "log_scale", "Log axis", id="model.log-scale", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[RunSummary] = []
        self.run: str | None = None
        self._history_request = 0
        self._runs_problem = ""
        self._moved: dict[str, tuple[Any, ...]] = {}  # what was shown of each run at work

    def compose_content(self) -> ComposeResult:
        with Horizontal(id="content"), Vertical(id="results"):
            yield LossPlot(id="curves", classes="pane", empty="Curves appear with the first epoch")
            yield PictureFile(id="sample", classes="pane")
            yield RowList(id="runs", classes="pane", empty="No runs yet: t trains one with the settings (s)")

    def start(self) -> None:
        super().start()
        self.query_one("#runs").border_title = "Runs"
        self.query_one("#sample").border_title = "Originals over reconstructions"
        self.query_one(RowList).focus()
        self.reload_runs()

    def on_screen_resume(self) -> None:
        if self.is_mounted:
            self.reload_runs()

    def reload_runs(self) -> None:
        """Read the list of runs again and keep the chosen one; the newest is chosen at first."""
        from fext_engine.records import open_records
        from fext_engine.records.runs import list_runs

        try:
            with open_records(self.app.workspace.database) as records:
                self.runs = list_runs(records)
        except (FextError, sqlite3.Error) as error:
            if str(error) != self._runs_problem:  # said once, not at every epoch
                self.notify(str(error), title="Runs", severity="error", markup=False)
            self._runs_problem = str(error)
        at_work = {job.run for job in self.app.active_jobs}
        names = [run.name for run in self.runs]
        cursor = names.index(self.run) if self.run in names else 0
        rows = [_run_row(run, run.name in at_work) for run in self.runs]
        self.query_one("#runs", RowList).set_source(
            TableRows(COLUMNS, rows, [str(self.app.workspace.run(n)) for n in names]), cursor=cursor
        )
        if names:
            self._choose(names[cursor])

    @on(RowList.Highlighted, "#runs")
    def _run_highlighted(self, event: RowList.Highlighted) -> None:
        if event.index < len(self.runs) and self.runs[event.index].name != self.run:
            self._choose(self.runs[event.index].name)

    def _choose(self, run: str) -> None:
        self.run = run
        self.query_one(TitleLine).set_subject(escape_name(run))
        self._history_request += 1
        self._read_history(self._history_request, run)

    @work(thread=True, exclusive=True, group="history", exit_on_error=False)
    def _read_history(self, request: int, run: str) -> None:
        from fext_engine.training.history import read_history

        worker = get_current_worker()
        folder = self.app.workspace.run(run)
        try:
            history = read_history(folder / "history.csv")
        except (FextError, OSError):
            history = []
        samples = sorted((folder / "samples").glob("*.png"))
        if worker.is_cancelled:
            return
        rows = [{"epoch": record.epoch, **record.values()} for record in history]
        self.post_message(HistoryRead(request, run, rows, samples[-1] if samples else None))

    @on(HistoryRead)
    def _show_history(self, message: HistoryRead) -> None:
        if message.request != self._history_request:  # an older reading that came in late
            return
        plot = self.query_one(LossPlot)
        plot.border_title = Text(escape_name(message.run))  # a name is no markup
        plot.set_history(message.history)
        sample = self.query_one(PictureFile)
        if message.sample is None:
            sample.show_nothing("Reconstructions appear with the first epoch")
        else:
            sample.show_file(message.sample)

    def action_train(self) -> None:
        """Train a new run with the settings in the form."""
        if self.form_is_valid():
            self.app.start_job("train")

    def action_resume(self) -> None:
        """Train the chosen run for `session.additional_epochs` more."""
        self._start_with_run("resume", {"epochs": self.app.settings.session.additional_epochs})

    def action_evaluate(self) -> None:
        """Measure the chosen run on its validation images."""
        self._start_with_run("evaluate", {})

    def action_encode(self) -> None:
        """Ask for a folder and encode its images with the chosen run."""
        from fext_tui.dialogs.open_folder import OpenFolderDialog

        if self._chosen_run() is None:
            return
        default = str(self.app.workspace.inference)
        note = "Encodes every image below this folder; the latent vectors go to database/inference."

        def encode(folder: str | None) -> None:
            if folder is not None:
                self._start_with_run("encode", {"input": folder or default})

        self.app.push_screen(OpenFolderDialog("Encode a folder", default, note), encode)

    def action_presets(self) -> None:
        """Load, save or delete presets."""
        from fext_tui.dialogs.presets import PresetsDialog

        def load(settings: Settings | None) -> None:
            if settings is not None:
                images = settings.dataset.images or self.app.settings.dataset.images
                self.app.settings = settings.with_options({"dataset.images": images})
                self.load_form()

        self.app.push_screen(PresetsDialog(), load)

    def action_metric(self) -> None:
        """Plot the next metric."""
        self.query_one(LossPlot).action_next_metric(1)

    def action_log_scale(self) -> None:
        """Switch the plot between a linear and a logarithmic axis."""
        self.query_one(LossPlot).action_toggle_log()

    def job_moved(self, job: JobSnapshot) -> None:
        """Follow the run that trains: its curve and its samples, as they come."""
        if job.verb not in ("train", "resume") or not job.run:
            return
        moved = (job.id, job.epochs_reported, job.sample, job.state)
        if moved != self._moved.get(job.run):
            if job.run not in self._moved:
                self.run = job.run
            self._moved[job.run] = moved
            self.reload_runs()

    def _start_with_run(self, verb: str, arguments: dict[str, Any]) -> None:
        run = self._chosen_run()
        if run is not None and self.form_is_valid():
            self.app.start_job(verb, {"run": run, **arguments})

    def _chosen_run(self) -> str | None:
        if self.run is None:
            self.notify("There is no run yet: t trains one.", severity="warning")
        return self.run


def _run_row(run: RunSummary, at_work: bool) -> tuple[str, ...]:
    state = "interrupted" if run.state == "running" and not at_work else run.state
    best = "" if run.best_val_loss is None else format_figure(run.best_val_loss)
    return escape_name(run.name), state, f"{run.epochs_done}/{run.epochs_planned}", best
