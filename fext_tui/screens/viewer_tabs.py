"""The Viewer's tabs: one kind of pictures each, listed in a worker and shown on the stage."""

from __future__ import annotations

from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Tab, Tabs
from textual.worker import get_current_worker

from fext_engine.paths import escape_name
from fext_tui.following import JobSnapshot
from fext_tui.listing import PictureList, Pictures
from fext_tui.screens.viewer_lists import KINDS, list_kind, words_for
from fext_tui.screens.viewer_stage import ViewerStage
from fext_tui.screens.workbench import WorkbenchScreen
from fext_tui.shown_row import Explained
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.title_line import TitleLine


class Listed(Message):
    """A worker has listed the pictures of a tab."""

    def __init__(self, tab: str, pictures: Pictures, words: str) -> None:
        super().__init__()
        self.tab = tab
        self.pictures = pictures
        self.words = words


class TabsScreen(WorkbenchScreen):
    """A screen of lists of pictures, one a tab."""

    def __init__(self) -> None:
        super().__init__()
        self._taken: tuple[Pictures, int] | None = None
        self._newest_sample = ""

    def compose_content(self) -> ComposeResult:
        yield Tabs(*(Tab(title, id=kind) for kind, title in KINDS.items()))
        yield ViewerStage()

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

    @property
    def stage(self) -> ViewerStage:
        """What shows the list and its pictures."""
        return self.query_one(ViewerStage)

    @property
    def pictures(self) -> Pictures | None:
        """The list that is shown; None before the first."""
        return self.stage.pictures

    @on(Tabs.TabActivated)
    def _tab_chosen(self) -> None:
        self.action_reload()

    def action_reload(self) -> None:
        """List the pictures of the current kind again."""
        if self.tab == "list" and self._taken is not None:
            self.show(*self._taken)
        elif self.is_mounted:
            self._list(self.tab, self.app.workspace.images_root(self.app.settings))

    def take(self, pictures: Pictures, index: int) -> None:
        """Go through a list of another screen, from its row `index` on."""
        self._taken = (pictures, index)
        self.go_to("list")

    def go_to(self, tab: str) -> None:
        """Show a kind, also when it is shown already."""
        tabs = self.query_one(Tabs)
        if tabs.active == tab:
            self.action_reload()
        else:
            tabs.active = tab

    @work(thread=True, exclusive=True, group="list", exit_on_error=False)
    def _list(self, tab: str, images: Path) -> None:
        worker = get_current_worker()
        pictures, words = list_kind(tab, self.app.workspace, images, self.app.key, lambda: worker.is_cancelled)
        if not worker.is_cancelled:
            self.post_message(Listed(tab, pictures, words))

    @on(Listed)
    def _show_list(self, message: Listed) -> None:
        if message.tab != self.tab:
            return
        pictures, before = message.pictures, self.stage.shown_name
        self.show(pictures, pictures.find(before) if before else 0, message.words)

    def show(self, pictures: Pictures, index: int, words: str = "", *, sheet: bool | None = None) -> None:
        """Show a list of the current kind; `words` where it is empty, `sheet` as a contact sheet or not."""
        title = pictures.title if isinstance(pictures, Explained) else escape_name(str(pictures.root))
        self.query_one(TitleLine).set_subject(title)
        self.stage.show(pictures, self.tab, index, words, sheet=sheet)

    def show_words(self, words: str = "") -> None:
        """Show an empty list of the current kind, and why it is empty: by default that there is nothing yet."""
        nothing = PictureList(self.app.workspace.root, ())
        self.show(nothing, 0, words or words_for(self.tab, self.app.workspace, self.app.key), sheet=False)

    @on(RowList.Highlighted)
    def _remember(self, event: RowList.Highlighted) -> None:
        """Come back to the same row of the list that was brought along."""
        if self._taken is not None and self.pictures is self._taken[0]:
            self._taken = (self._taken[0], event.index)

    def action_next_tab(self, step: int) -> None:
        """Show the next kind of pictures."""
        tabs = self.query_one(Tabs)
        (tabs.action_next_tab if step > 0 else tabs.action_previous_tab)()

    def job_moved(self, job: JobSnapshot) -> None:
        """New pictures appear in the list as they come."""
        new_sample = self.tab == "reconstructions" and job.sample != self._newest_sample
        made = {"sample": "training", "evaluate": "plots", "analyze": "plots"}.get(job.verb)
        if new_sample or (not job.is_active and made == self.tab):
            self._newest_sample = job.sample
            self.action_reload()
