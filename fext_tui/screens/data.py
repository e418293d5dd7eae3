"""The Data screen: what the dataset holds, its health, statistics, drift, classes and reports."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static, TabbedContent, TabPane, Tabs
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.dataset import DatasetView, read_dataset
from fext_tui.following import JobSnapshot
from fext_tui.screens.data_files import FilesPane
from fext_tui.screens.data_health import HealthPane
from fext_tui.screens.data_images import ImagesPane
from fext_tui.screens.data_measures import MeasuresPane
from fext_tui.screens.data_reports import ReportsPane
from fext_tui.screens.workbench import WorkbenchScreen
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.settings_form import SettingsForm
from fext_tui.widgets.title_line import TitleLine


class DatasetRead(Message):
    """A worker has read what is known of the images folder."""

    def __init__(self, view: DatasetView) -> None:
        super().__init__()
        self.view = view


class DataScreen(WorkbenchScreen):
    """Inspect the images that training will use: their health, statistics, drift and class balance."""

    MODE = "data"
    CSS_PATH = "data.tcss"
    FORM = ("dataset", "device")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "analyze", "Analyze", id="data.analyze", tooltip="Measure every image of the folder"),
        Binding("o", "open_folder", "Open", id="data.open", tooltip="Open another folder of images"),
        Binding("m", "make_sample", "Sample dataset", id="data.sample", show=False),
        Binding("r", "reload", "Reload", id="data.reload", show=False),
        Binding("right_square_bracket", "next_tab(1)", "Table", key_display="]", id="data.next-table",
                tooltip="The next table"),
        Binding(
            "left_square_bracket",
            "next_tab(-1)",
            "Table before",
            key_display="[",
            show=False,
            id="data.previous-table",
        ),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.view: DatasetView | None = None

    def compose_content(self) -> ComposeResult:
        with Horizontal(id="content"), Vertical(id="results"):
            yield Static("Reading the folder…", id="summary", markup=False)
            with VerticalScroll(id="empty", can_focus=False):
                with Center():
                    yield Static("", id="empty-text", markup=False)
                with Center(), Horizontal(classes="buttons"):
                    sample, other = self.app.key("data.sample"), self.app.key("data.open")
                    yield Button(Content(f"Make a sample dataset ({sample})"), id="make-sample", variant="primary")
                    yield Button(Content(f"Open a folder ({other})"), id="open-folder")
            with TabbedContent(id="tables"):
                with TabPane("Images", id="tab-images"):
                    yield ImagesPane(id="images-pane")
                with TabPane("Health", id="tab-health"):
                    yield HealthPane(id="health-pane")
                with TabPane("Statistics", id="tab-statistics"):
                    yield MeasuresPane(id="measures-pane")
                with TabPane("Drift", id="tab-drift"):
                    yield RowList(id="drift", empty="Not analyzed yet")
                with TabPane("Classes", id="tab-classes"):
                    yield RowList(id="classes", empty="Not analyzed yet")
                with TabPane("Reports", id="tab-reports"):
                    yield ReportsPane(id="reports-pane")

    def on_mount(self) -> None:
        self.query_one("#empty").display = False
        self.query_one("#tables").display = False

    def start(self) -> None:
        super().start()
        self.action_reload()

    def on_screen_resume(self) -> None:
        """Show the folder that the settings name now."""
        self._follow_settings()

    def action_leave_form(self) -> None:
        super().action_leave_form()
        self._follow_settings()

    def _follow_settings(self) -> None:
        if self.view is not None and self.view.root != self.app.workspace.images_root(self.app.settings):
            self.action_reload()

    def copy_text(self) -> str:
        """The folder of images."""
        return str(self.app.workspace.images_root(self.app.settings))

    def action_reload(self) -> None:
        """Read the folder and the last report again."""
        self._read(None)

    @work(thread=True, exclusive=True, group="dataset", exit_on_error=False)
    def _read(self, report: str | None) -> None:
        worker = get_current_worker()
        app, key = self.app, self.app.key("data.analyze")
        for view in read_dataset(app.workspace, app.settings, key, lambda: worker.is_cancelled, report):
            if worker.is_cancelled:
                return
            self.post_message(DatasetRead(view))

    @on(DatasetRead)
    def _show(self, message: DatasetRead) -> None:
        before, view = self.view, message.view
        self.view = view
        same_folder = before is not None and before.root == view.root
        self.query_one(TitleLine).set_subject(escape_name(str(view.root)))
        self.query_one("#summary", Static).update(view.summary)
        self.query_one("#empty-text", Static).update(view.invitation)
        empty = not view.images.count()
        self.query_one("#empty").display = empty
        self.query_one("#tables").display = not empty
        if before is None or before.images is not view.images:
            self._fill(view, same_folder)
        turned = before is None or not same_folder or empty == bool(before.images.count())
        if turned and not any(form.has_focus_within for form in self.query(SettingsForm)):
            self.query_one("#make-sample" if empty else "#images").focus()

    def _fill(self, view: DatasetView, same_folder: bool) -> None:
        database = self.app.workspace.database
        self.query_one(ImagesPane).show_all(view.images, same_folder)
        self.query_one(HealthPane).show_issues(database, view.root, view.issues)
        of = None if view.root_id is None else (database, view.root_id, view.report_id)
        self.query_one(MeasuresPane).show_table(view.statistics, of, same_folder)
        self.query_one(ReportsPane).show_reports(database, view.reports, view.report)
        for name in ("drift", "classes"):
            rows = self.query_one(f"#{name}", RowList)
            rows.set_source(getattr(view, name), cursor=rows.cursor if same_folder else 0)

    @on(FilesPane.Excluded)
    def _exclusion_changed(self) -> None:
        """Every list marks the images that are excluded now."""
        for pane in self.query(FilesPane):
            pane.refresh_files()
        self.query_one(HealthPane).recount()

    @on(ReportsPane.Chosen)
    def _choose_report(self, event: ReportsPane.Chosen) -> None:
        """Show another report's statistics, drift and classes."""
        if self.view is not None and event.report.root != escape_name(str(self.view.root.resolve())):
            opens = f"{self.app.key('data.open')} opens that folder"
            self.notify(f"This report is about {event.report.root}; {opens}.", severity="warning")
        else:
            self._read(event.report.name)

    @on(TabbedContent.TabActivated)
    def _focus_table(self, event: TabbedContent.TabActivated) -> None:
        if self.view is not None and self.view.images.count():
            event.pane.query(RowList).first().focus()

    def action_next_tab(self, step: int) -> None:
        """Show the next or previous table."""
        tabs = self.query_one(Tabs)
        (tabs.action_next_tab if step > 0 else tabs.action_previous_tab)()

    @on(Button.Pressed, "#open-folder")
    def action_open_folder(self) -> None:
        """Point the dataset at another folder of images."""
        from fext_tui.dialogs.open_folder import OpenFolderDialog

        current = str(self.app.workspace.images_root(self.app.settings))
        note = f"Empty: the resources' own folder, {self.app.workspace.images}"
        self.app.push_screen(OpenFolderDialog("Open a folder of images", current, note), self._use_folder)

    def _use_folder(self, folder: str | None) -> None:
        if folder is None:
            return
        try:
            self.app.settings = self.app.settings.with_options({"dataset.images": folder})
        except FextError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.load_form()
        self.action_reload()

    @on(Button.Pressed, "#make-sample")
    def action_make_sample(self) -> None:
        """Generate a small dataset in classes, with planted faults, to see everything work."""
        if self.view is None:
            return
        if not self.view.images.count():
            self.app.start_job("sample", {"output": str(self.view.root)})
        else:
            opens = f"{self.app.key('data.open')} opens an empty one"
            self.notify(f"The folder holds images already; {opens}.", severity="warning")

    def action_analyze(self) -> None:
        """Measure the dataset with the settings in the form."""
        if self.form_is_valid():
            self.app.start_job("analyze")

    def job_moved(self, job: JobSnapshot) -> None:
        """Show what a finished inspection found."""
        if not job.is_active and job.verb in ("analyze", "sample"):
            self.action_reload()
