"""The Model screen: settings, training live, and the runs there are with their epochs and differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.message import Message
from textual.widgets import TabbedContent, TabPane, Tabs
from textual.worker import get_current_worker

from fext_engine.paths import escape_name, unescape_name
from fext_tui.following import JobSnapshot
from fext_tui.run_history import read_epochs, sample_pictures
from fext_tui.runs import MARK
from fext_tui.screens.model_compare import ComparePane
from fext_tui.screens.model_epochs import EpochList
from fext_tui.screens.model_runs import RunsPane
from fext_tui.screens.workbench import WorkbenchScreen
from fext_tui.widgets.live_figures import LiveFigures
from fext_tui.widgets.loss_plot import LossPlot
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.settings_form import SettingsForm
from fext_tui.widgets.text import printable
from fext_tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from pathlib import Path

    from fext_tui.baseline import Baseline
    from fext_tui.widgets.curves import History

SECTIONS = ("model", "training", "schedule", "augmentation", "dataset", "device", "session", "inference")


class HistoryRead(Message):
    """A worker has read a run's history, its sample pictures by epoch, and the history of the marked run."""

    def __init__(
        self, request: int, run: str, history: History, samples: dict[int, Path], marked: History
    ) -> None:
        super().__init__()
        self.request = request
        self.run = run
        self.history = history
        self.samples = samples
        self.marked = marked


class ModelScreen(WorkbenchScreen):
    """Train an autoencoder and watch it learn; resume, evaluate, encode with and export the runs there are."""

    MODE = "model"
    CSS_PATH = "model.tcss"
    FORM = SECTIONS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "train", "Train", id="model.train"),
        Binding(
            "i", "estimate", "Estimate", id="model.estimate", show=False,
            tooltip="Memory, disk and time of a training, from a short trial",
        ),
        Binding(
            "f", "find_rate", "Find a learning rate", id="model.find-lr", show=False,
            tooltip="Try rising learning rates; take the highest at which the loss falls",
        ),
        Binding("r", "resume", "Resume", id="model.resume", tooltip="Train the chosen run for more epochs"),
        Binding(
            "v", "evaluate", "Evaluate", id="model.evaluate", tooltip="Metrics and figures of the chosen run"
        ),
        Binding(
            "e", "encode", "Encode", id="model.encode", tooltip="Latent vectors of a folder by the chosen run"
        ),
        Binding(
            "w", "export", "Export", id="model.export", show=False,
            tooltip="Write the chosen run's model for use without FeXT",
        ),
        Binding("p", "presets", "Presets", id="model.presets"),
        Binding("m", "metric", "Metric", id="model.metric", show=False, tooltip="Plot another metric"),
        Binding("l", "log_scale", "Log axis", id="model.log-scale", show=False),
        Binding("S", "smooth", "Smooth", id="model.smooth", show=False, tooltip="Smooth the curves, or not"),
        Binding(
            "z", "zoom", "Zoom", id="model.zoom", show=False, tooltip="All epochs, the last half or fifth"
        ),
        Binding(
            "right_square_bracket",
            "next_tab(1)",
            "Next table",
            key_display="]",
            id="model.next-table",
            show=False,
        ),
        Binding("left_square_bracket", "next_tab(-1)", "Table before", key_display="[", show=False,
                id="model.previous-table"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.run: str | None = None
        self.marked: str | None = None
        self.samples: dict[int, Path] = {}
        self._history_request = 0
        self._moved: dict[str, tuple[Any, ...]] = {}  # what was shown of each run at work

    def compose_content(self) -> ComposeResult:
        with Horizontal(id="content"), Vertical(id="results"):
            yield LiveFigures(id="live")
            with Container(id="watched"):
                yield LossPlot(id="curves", classes="pane", empty="Curves appear with the first epoch")
                yield PictureFile(id="sample", classes="pane")
            with TabbedContent(id="tables"):
                with TabPane("Runs", id="tab-runs"):
                    yield RunsPane(id="runs-pane")
                with TabPane("Epochs", id="tab-epochs"):
                    yield EpochList(id="epochs")
                with TabPane("Compare", id="tab-compare"):
                    yield ComparePane(id="compare-pane")

    def start(self) -> None:
        super().start()
        self.query_one("#sample").border_title = "Originals over reconstructions"
        self.query_one("#runs").focus()
        self.reload_runs()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self.is_mounted:
            self.reload_runs()

    def reload_runs(self, run: str | None = None) -> None:
        """Read the list of runs again; the chosen one stays, or is `run` now. At first it is the newest."""
        self.query_one(RunsPane).reload(run)

    @on(RunsPane.Chosen)
    def _choose(self, event: RunsPane.Chosen) -> None:
        """Show a run, also one that was shown already: it may have gone on."""
        self.run, self.marked = event.run, event.marked
        self.query_one(TitleLine).set_subject(printable(event.run or ""))
        self._history_request += 1
        self.query_one(ComparePane).show(event.marked, event.run)
        if event.run is None:
            self.post_message(HistoryRead(self._history_request, "", (), {}, ()))
        else:
            self._read_history(self._history_request, event.run, event.marked)

    @work(thread=True, exclusive=True, group="history", exit_on_error=False)
    def _read_history(self, request: int, run: str, marked: str | None) -> None:
        worker = get_current_worker()
        workspace = self.app.workspace
        other = read_epochs(workspace, marked) if marked and marked != run else ()
        samples = sample_pictures(workspace, run)
        message = HistoryRead(request, run, read_epochs(workspace, run), samples, other)
        if not worker.is_cancelled:
            self.post_message(message)

    @on(HistoryRead)
    def _show_history(self, message: HistoryRead) -> None:
        if message.request != self._history_request:  # an older reading that came in late
            return
        plot = self.query_one(LossPlot)
        plot.border_title = Text(printable(message.run))  # a name is no markup
        plot.set_history(message.history)
        plot.set_other(f"{MARK} {self.marked}", message.marked)
        self.samples = message.samples
        self.query_one(EpochList).show_history(message.run, message.history)
        self._show_sample()

    @on(RowList.Highlighted, "#epochs")
    @on(TabbedContent.TabActivated)
    def _show_sample(self) -> None:
        """Show the newest reconstructions; with the epochs in sight those of the chosen one."""
        sample, epochs = self.query_one(PictureFile), self.query_one(EpochList)
        chosen = epochs.current["epoch"] if epochs.current is not None and self._tab == "tab-epochs" else None
        path = self.samples.get(max(self.samples, default=0) if chosen is None else chosen)
        if path is not None:
            sample.show_file(path)
        else:
            sample.show_nothing(
                "Reconstructions appear with the first epoch"
                if chosen is None
                else "No picture of this epoch"
            )

    @on(RowList.Selected, "#runs")
    def _show_epochs(self) -> None:
        self.query_one("#tables", TabbedContent).active = "tab-epochs"

    @property
    def _tab(self) -> str:
        return self.query_one("#tables", TabbedContent).active

    @on(TabbedContent.TabActivated)
    def _focus_table(self, event: TabbedContent.TabActivated) -> None:
        if not any(form.has_focus_within for form in self.query(SettingsForm)):
            event.pane.query(RowList).first().focus()

    def action_next_tab(self, step: int) -> None:
        """Show the next or previous table."""
        tabs = self.query_one("#tables").query_one(Tabs)
        (tabs.action_next_tab if step > 0 else tabs.action_previous_tab)()

    def action_train(self) -> None:
        """Train a new run with the settings in the form."""
        if self.form_is_valid():
            self.app.start_job("train")

    def action_estimate(self) -> None:
        """Say what a training with the settings in the form would take."""
        from fext_tui.dialogs.estimate import EstimateDialog

        if self.form_is_valid() and (job_id := self.app.start_job("estimate")):
            self.app.push_screen(EstimateDialog(job_id), lambda train: self.action_train() if train else None)

    def action_find_rate(self) -> None:
        """Suggest a learning rate for the settings in the form, and take it into the form if that is wanted."""
        from fext_tui.dialogs.find_rate import FindRateDialog

        def take(rate: float | None) -> None:
            if rate is not None:
                self.app.settings = self.app.settings.with_options({"schedule.initial_lr": rate})
                self.load_form()
                self.notify(f"schedule.initial_lr is {rate:g} now.")

        if self.form_is_valid() and (job_id := self.app.start_job("find-lr")):
            self.app.push_screen(FindRateDialog(job_id), take)

    def action_resume(self) -> None:
        """Train the chosen run for `session.additional_epochs` more."""
        self._start_with_run("resume", {"epochs": self.app.settings.session.additional_epochs})

    def action_evaluate(self) -> None:
        """Measure the chosen run on its validation images."""
        self._start_with_run("evaluate", {})

    def action_encode(self) -> None:
        """Ask for a folder and encode its images with the chosen run."""
        from fext_tui.dialogs.encode import EncodeDialog, EncodeRequest

        if self._chosen_run() is None:
            return
        default = str(self.app.workspace.inference)

        def encode(request: EncodeRequest | None) -> None:
            if request is not None:
                arguments = {"input": request.folder or default, "update": request.update}
                self._start_with_run("encode", arguments)

        self.app.push_screen(EncodeDialog(default), encode)

    def action_export(self) -> None:
        """Ask for a format and write the chosen run's model in it."""
        from fext_tui.dialogs.export import ExportDialog

        def start(format_name: str | None) -> None:
            if format_name is not None:
                self._start_with_run("export", {"format": format_name})

        if self._chosen_run() is not None:
            self.app.push_screen(ExportDialog(), start)

    def action_presets(self) -> None:
        """Load, save or delete presets."""
        from fext_tui.dialogs.presets import PresetsDialog

        def load(preset: Baseline | None) -> None:
            if preset is not None:
                self.app.preset, self.app.settings = preset, preset.beside(self.app.settings)
                self.load_form()
            self.show_baseline()  # it may have been saved, or deleted

        self.app.push_screen(PresetsDialog(), load)

    def action_metric(self) -> None:
        """Plot the next metric."""
        self.query_one(LossPlot).action_next_metric(1)

    def action_log_scale(self) -> None:
        """Switch the plot between a linear and a logarithmic axis."""
        self.query_one(LossPlot).action_toggle_log()

    def action_smooth(self) -> None:
        """Smooth the curves, or draw them as they are."""
        self.query_one(LossPlot).action_toggle_smoothing()

    def action_zoom(self) -> None:
        """Plot all epochs, the last half, or the last fifth."""
        self.query_one(LossPlot).action_next_zoom()

    def job_moved(self, job: JobSnapshot) -> None:
        """Follow the run that trains: its curve and its samples, as they come."""
        self.query_one(LiveFigures).show(self.app.active_jobs, self.run)
        if job.verb not in ("train", "resume") or not job.run:
            return
        moved = (job.id, job.epochs_reported, job.sample, job.state)
        if moved != self._moved.get(job.run):
            new = job.run not in self._moved
            self._moved[job.run] = moved
            self.reload_runs(escape_name(job.run) if new else None)

    def _start_with_run(self, verb: str, arguments: dict[str, Any]) -> None:
        run = self._chosen_run()
        if run is not None and self.form_is_valid():
            self.app.start_job(verb, {"run": unescape_name(run), **arguments})

    def _chosen_run(self) -> str | None:
        if self.run is None:
            self.notify(f"There is no run yet: {self.app.key('model.train')} trains one.", severity="warning")
        return self.run
