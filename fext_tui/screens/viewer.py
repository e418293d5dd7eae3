"""The Viewer: training images, inference images, reconstructions and plots, as pixels in the terminal."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Tab, Tabs
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.following import JobSnapshot
from fext_tui.listing import PictureList, Pictures, list_images, list_plots, list_reconstructions
from fext_tui.screens.workbench import TitleLine, WorkbenchScreen
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList

EMPTY = {
    "training": "No training images yet.\nThe Data screen (1) says where to put them.",
    "inference": "No images to encode yet.\nPut them into {inference}",
    "reconstructions": "No reconstructions yet.\nTraining on the Model screen (2) makes them, epoch by epoch.",
    "plots": "No plots yet.\nAnalyze (Data screen) and evaluate (Model screen) make them.",
    "list": "No list yet.\nEnter on an image of the Data screen (1) brings its list here.",
}


class Listed(Message):
    """A worker has listed the pictures of a tab."""

    def __init__(self, tab: str, pictures: Pictures, problem: str) -> None:
        super().__init__()
        self.tab = tab
        self.pictures = pictures
        self.problem = problem


class ViewerScreen(WorkbenchScreen):
    """Look at training images, inference images, reconstructions and plots. Tab keys [ and ] change the kind."""

    MODE = "viewer"
    CSS_PATH = "viewer.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "step(1)", "Next", id="viewer.next"),
        Binding("p,left", "step(-1)", "Previous", id="viewer.previous"),
        Binding("g,home", "jump(0)", "First", id="viewer.first", show=False),
        Binding("G,end", "jump(-1)", "Last", id="viewer.last", show=False),
        Binding("right_square_bracket", "next_tab(1)", "Next kind", key_display="]", id="viewer.next-kind"),
        Binding(
            "left_square_bracket",
            "next_tab(-1)",
            "Kind before",
            key_display="[",
            show=False,
            id="viewer.previous-kind",
        ),
        Binding("f", "wide", "Full width", id="viewer.wide"),
        Binding("r", "reload", "Reload", id="viewer.reload"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.pictures: Pictures | None = None
        self._taken: tuple[Pictures, int] | None = None
        self._shown_name: str | None = None
        self._newest_sample = ""

    def compose_content(self) -> ComposeResult:
        yield Tabs(
            Tab("Training", id="training"), Tab("Inference", id="inference"),
            Tab("Reconstructions", id="reconstructions"), Tab("Plots", id="plots"),
            Tab("From Data", id="list"),
        )  # fmt: skip
        with Horizontal():
            yield RowList(id="pictures", classes="pane")
            yield PictureFile(id="picture", classes="pane")

    def start(self) -> None:
        self.query_one(RowList).focus()
        self.action_reload()

    def on_screen_resume(self) -> None:
        """Show the training images that the settings name now."""
        root = self.app.workspace.images_root(self.app.settings)
        if self.pictures is not None and self.tab == "training" and self.pictures.root != root:
            self.action_reload()

    @property
    def tab(self) -> str:
        """The kind of pictures that is shown."""
        return self.query_one(Tabs).active or "training"

    @on(Tabs.TabActivated)
    def action_reload(self) -> None:
        """List the pictures of the current kind again."""
        if self.tab == "list" and self._taken is not None:
            self._show(*self._taken)
        elif self.is_mounted:
            self._list(self.tab)

    def take(self, pictures: Pictures, index: int) -> None:
        """Go through a list of another screen, from its row `index` on."""
        self._taken = (pictures, index)
        tabs = self.query_one(Tabs)
        if tabs.active == "list":
            self._show(pictures, index)
        else:
            tabs.active = "list"

    @work(thread=True, exclusive=True, group="list", exit_on_error=False)
    def _list(self, tab: str) -> None:
        cancelled = partial(_is_cancelled, get_current_worker())
        workspace = self.app.workspace
        problem = EMPTY[tab].format(inference=workspace.inference)
        listed = PictureList(workspace.root, ())
        try:
            match tab:
                case "training":
                    listed = list_images(workspace.images_root(self.app.settings), cancelled)
                case "inference":
                    listed = list_images(workspace.inference, cancelled)
                case "reconstructions":
                    listed = list_reconstructions(workspace, cancelled)
                case "plots":
                    listed = list_plots(workspace, cancelled)
        except (FextError, OSError) as error:
            problem = str(error)
        if not cancelled():
            self.post_message(Listed(tab, listed, problem))

    @on(Listed)
    def _show_list(self, message: Listed) -> None:
        if message.tab != self.tab:
            return
        pictures, before = message.pictures, self._shown_name
        self._show(pictures, pictures.find(before) if before else 0, message.problem)

    def _show(self, pictures: Pictures, index: int, problem: str = "") -> None:
        self.pictures = pictures
        self.query_one(TitleLine).set_subject(escape_name(str(pictures.root)))
        rows = self.query_one(RowList)
        rows.border_title = f"{pictures.count():,} pictures"
        rows.set_source(pictures, cursor=index)
        shown = self.query_one(PictureFile)
        shown.tell_path = self.tab in ("reconstructions", "plots")
        if pictures.count():
            self._show_row(rows.cursor)
        else:
            shown.show_nothing(problem)

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        self._show_row(event.index)

    def _show_row(self, index: int) -> None:
        if self.pictures is not None and index < self.pictures.count():
            if self._taken is not None and self.pictures is self._taken[0]:
                self._taken = (self.pictures, index)
            self._shown_name = self.pictures.name(index)
            self.query_one(PictureFile).show_file(self.pictures.path(index))

    def action_step(self, step: int) -> None:
        """Go to the next or previous picture."""
        self._go(self.query_one(RowList).cursor + step)

    def action_jump(self, index: int) -> None:
        """Go to the picture of that row; -1 is the last."""
        count = self.pictures.count() if self.pictures is not None else 0
        self._go(count - 1 if index < 0 else index)

    def _go(self, index: int) -> None:
        if self.pictures is not None and self.pictures.count():
            self.query_one(RowList).cursor = min(max(index, 0), self.pictures.count() - 1)

    def action_next_tab(self, step: int) -> None:
        """Show the next kind of pictures."""
        tabs = self.query_one(Tabs)
        (tabs.action_next_tab if step > 0 else tabs.action_previous_tab)()

    def action_wide(self) -> None:
        """Give the picture the list's room, or give it back."""
        self.query_one(RowList).display = not self.query_one(RowList).display
        self.query_one(PictureFile).picture.focus()

    def job_moved(self, job: JobSnapshot) -> None:
        """New pictures appear in the list as they come."""
        new_sample = self.tab == "reconstructions" and job.sample != self._newest_sample
        made = {"sample": "training", "evaluate": "plots", "analyze": "plots"}.get(job.verb)
        if new_sample or (not job.is_active and made == self.tab):
            self._newest_sample = job.sample
            self.action_reload()


def _is_cancelled(worker: Any) -> bool:
    return bool(worker.is_cancelled)
