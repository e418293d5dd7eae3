"""The Viewer: training images, inference images, reconstructions and plots, as pixels in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Tab, Tabs
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_engine.paths import escape_name, unescape_name
from fext_tui.contact_tiles import Subject
from fext_tui.following import JobSnapshot
from fext_tui.listing import Pictures
from fext_tui.reconstructions import Sample, SampleList
from fext_tui.screens.viewer_lists import FILES, KINDS, list_kind
from fext_tui.screens.workbench import WorkbenchScreen
from fext_tui.widgets.contact_sheet import ContactSheet
from fext_tui.widgets.fact_list import FactList
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.title_line import TitleLine

PLAY_SECONDS = 0.4  # that each epoch of a slideshow stays, beside the time to read and draw it
_SAMPLE_ACTIONS = ("epoch", "epoch_jump", "play")


class Listed(Message):
    """A worker has listed the pictures of a tab."""

    def __init__(self, tab: str, pictures: Pictures, words: str) -> None:
        super().__init__()
        self.tab = tab
        self.pictures = pictures
        self.words = words


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
        Binding("left_square_bracket", "next_tab(-1)", "Previous kind", key_display="[", show=False),
        Binding("space", "play", "Play", id="viewer.play", tooltip="Play the sample's epochs; again: stop"),
        Binding("full_stop", "epoch(1)", "Next epoch", id="viewer.next-epoch", key_display=".",
                tooltip="The same sample one epoch later"),
        Binding("comma", "epoch(-1)", "Epoch before", id="viewer.previous-epoch", key_display=",", show=False,
                tooltip="The same sample one epoch earlier"),
        Binding("less_than_sign", "epoch_jump(0)", "First epoch", id="viewer.first-epoch", key_display="<", show=False),
        Binding("greater_than_sign", "epoch_jump(-1)", "Last epoch", id="viewer.last-epoch", key_display=">",
                show=False),
        Binding("c", "sheet", "Contact sheet", id="viewer.sheet", tooltip="All pictures of the list, small"),
        Binding("i", "facts", "Information", id="viewer.facts", tooltip="The file, its records and measures"),
        Binding("w", "export", "Export", id="viewer.export", tooltip="Write what is shown as a PNG at full size"),
        Binding("f", "alone", "Full width", id="viewer.wide", show=False, tooltip="Hide the list, or show it"),
        Binding("r", "reload", "Reload", id="viewer.reload", show=False, tooltip="List the pictures again"),
        Binding("escape", "close", "Close", show=False),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.pictures: Pictures | None = None
        self._taken: tuple[Pictures, int] | None = None
        self._shown_name: str | None = None
        self._newest_sample = ""
        self._place: int | None = None  # in the sample's pictures; None is the newest, whichever that is
        self._playing = False

    def compose_content(self) -> ComposeResult:
        yield Tabs(*(Tab(title, id=kind) for kind, title in KINDS.items()))
        with Horizontal():
            yield RowList(id="pictures", classes="pane")
            yield PictureFile(id="picture", classes="pane")
            yield ContactSheet(id="sheet", classes="pane")
            yield FactList(id="facts", classes="pane")

    def start(self) -> None:
        self.query_one(FactList).border_title = "Information"
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
    def sample(self) -> Sample | None:
        """The run's sample under the cursor."""
        at, pictures = self.query_one(RowList).cursor, self.pictures
        return pictures.samples[at] if isinstance(pictures, SampleList) and at < pictures.count() else None

    @on(Tabs.TabActivated)
    def action_reload(self) -> None:
        """List the pictures of the current kind again."""
        if self.tab == "list" and self._taken is not None:
            self._show(*self._taken)
        elif self.is_mounted:
            self._list(self.tab, self.app.workspace.images_root(self.app.settings))

    def take(self, pictures: Pictures, index: int) -> None:
        """Go through a list of another screen, from its row `index` on."""
        self._taken = (pictures, index)
        tabs = self.query_one(Tabs)
        if tabs.active == "list":
            self._show(pictures, index)
        else:
            tabs.active = "list"

    @work(thread=True, exclusive=True, group="list", exit_on_error=False)
    def _list(self, tab: str, images: Path) -> None:
        worker = get_current_worker()
        pictures, words = list_kind(tab, self.app.workspace, images, lambda: worker.is_cancelled)
        if not worker.is_cancelled:
            self.post_message(Listed(tab, pictures, words))

    @on(Listed)
    def _show_list(self, message: Listed) -> None:
        if message.tab != self.tab:
            return
        pictures, before = message.pictures, self._shown_name
        self._show(pictures, pictures.find(before) if before else 0, message.words)

    def _show(self, pictures: Pictures, index: int, words: str = "") -> None:
        self.pictures = pictures
        self.query_one(TitleLine).set_subject(escape_name(str(pictures.root)))
        rows = self.query_one(RowList)
        rows.border_title = f"{pictures.count():,} {'samples' if isinstance(pictures, SampleList) else 'pictures'}"
        rows.set_source(pictures, cursor=index)
        shown = self.query_one(PictureFile)
        shown.tell_path = self.tab in ("reconstructions", "plots")
        if self.has_class("-sheet"):
            self._fill_sheet()
        if pictures.count():
            self._show_row(rows.cursor)
        else:
            shown.show_nothing(words)
            shown.border_title = ""
            self.query_one(FactList).show(None)
        self.refresh_bindings()

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        self._show_row(event.index)

    def _show_row(self, index: int) -> None:
        if self.pictures is None or index >= self.pictures.count():
            return
        if self._taken is not None and self.pictures is self._taken[0]:
            self._taken = (self.pictures, index)
        before, self._shown_name = self._shown_name, self.pictures.name(index)
        if self.sample is not None and (before or "").rpartition("/")[0] != self.sample.run:
            self._place = None
        self._show_picture()

    def _show_picture(self, *, keep_view: bool = False) -> None:
        """Show the row under the cursor: its picture, unless the contact sheet is open, and what is known of it."""
        if self.pictures is None or not self.pictures.count():
            return
        if self.has_class("-facts"):
            self.query_one(FactList).show(self._facts_reader())
        if self.has_class("-sheet"):
            return
        shown, sample = self.query_one(PictureFile), self.sample
        playing = " ▶ space stops" if self._playing else ""
        shown.border_title = Content(f"{sample.epoch(self._at(sample))}{playing}" if sample else "")
        shown.show_figure(self._reader(), keep_view=keep_view)

    def _at(self, sample: Sample) -> int:
        last = len(sample.pictures) - 1
        return last if self._place is None else min(self._place, last)

    def _reader(self, *, full: bool = False) -> Any:
        """What makes the figure of the row under the cursor; `full` at its own size."""
        from fext_tui.figure import read_picture, read_sample

        assert self.pictures is not None
        if self.sample is not None:
            return partial(read_sample, self.sample, self._at(self.sample))
        path = self.pictures.path(self.query_one(RowList).cursor)
        return partial(read_picture, path, None) if full else partial(read_picture, path)

    def _facts_reader(self) -> Any:
        from fext_tui.image_facts import image_facts, plot_facts, sample_facts

        assert self.pictures is not None
        if self.sample is not None:
            return partial(sample_facts, self.sample, self._at(self.sample))
        at = self.query_one(RowList).cursor
        path, name = self.pictures.path(at), self.pictures.name(at) or ""
        if self.tab not in FILES:
            return partial(plot_facts, path)
        return partial(image_facts, path, self.pictures.root, name, self.app.workspace.database)

    def action_step(self, step: int) -> None:
        """Go to the next or previous picture."""
        self._go(self._mover.cursor + step)

    def action_jump(self, index: int) -> None:
        """Go to the picture of that row; -1 is the last."""
        count = self.pictures.count() if self.pictures is not None else 0
        self._go(count - 1 if index < 0 else index)

    @property
    def _mover(self) -> ContactSheet | RowList:
        """What has the cursor: the contact sheet while it is open, which takes the list along."""
        return self.query_one(ContactSheet) if self.has_class("-sheet") else self.query_one(RowList)

    def _go(self, index: int) -> None:
        self._playing = False
        if self.pictures is not None and self.pictures.count():
            self._mover.cursor = min(max(index, 0), self.pictures.count() - 1)

    def action_next_tab(self, step: int) -> None:
        """Show the next kind of pictures."""
        self._playing = False
        tabs = self.query_one(Tabs)
        (tabs.action_next_tab if step > 0 else tabs.action_previous_tab)()

    def action_epoch(self, step: int) -> None:
        """Show the same sample an epoch later or earlier."""
        self._playing = False
        if self.sample is not None:
            self._go_to_epoch(self._at(self.sample) + step)

    def action_epoch_jump(self, place: int) -> None:
        """Show the same sample after the first epoch, or (-1) the last."""
        self._playing = False
        if self.sample is not None:
            self._go_to_epoch(place if place >= 0 else len(self.sample.pictures) - 1)

    def _go_to_epoch(self, place: int) -> None:
        assert self.sample is not None
        last = len(self.sample.pictures) - 1
        self._place = None if place >= last else max(0, place)  # the last one follows a training
        self._show_picture(keep_view=True)

    def action_play(self) -> None:
        """Play the sample's epochs from here on, from the first when the last is shown; or stop."""
        if self.sample is None:
            return
        at, last = self._at(self.sample), len(self.sample.pictures) - 1
        self._playing = not self._playing and last > 0
        self._go_to_epoch(at if not self._playing else 0 if at == last else at + 1)

    @on(PictureFile.Shown)
    def _play_on(self) -> None:
        if self._playing:
            self.set_timer(PLAY_SECONDS, self._play_next)

    def _play_next(self) -> None:
        if self._playing and self.sample is not None:
            at = self._at(self.sample) + 1
            self._playing = at < len(self.sample.pictures) - 1
            self._go_to_epoch(at)

    def action_sheet(self) -> None:
        """Open or close the contact sheet."""
        self._playing = False
        self.toggle_class("-sheet")
        if self.has_class("-sheet"):
            self._fill_sheet()
            self.query_one(ContactSheet).focus()
        else:
            self._show_picture()
            self._focus_picture()
        self.refresh_bindings()

    def _fill_sheet(self) -> None:
        assert self.pictures is not None
        sheet, rows = self.query_one(ContactSheet), self.query_one(RowList)
        sheet.border_title = rows.border_title
        records = (self.app.workspace.database, self.pictures.root) if self.tab in FILES else None
        sheet.show(self.pictures.count(), partial(subjects_of, self.pictures), records, rows.cursor)

    @on(ContactSheet.Highlighted)
    def _sheet_moved(self, event: ContactSheet.Highlighted) -> None:
        self.query_one(RowList).cursor = event.index

    @on(ContactSheet.Selected)
    def _sheet_opened(self, event: ContactSheet.Selected) -> None:
        self.query_one(RowList).cursor = event.index
        if self.has_class("-sheet"):
            self.action_sheet()

    def action_facts(self) -> None:
        """Show or hide what is known of the picture."""
        self.toggle_class("-facts")
        self._show_picture(keep_view=True)
        if self.focused is None or not self.focused.region.area:
            self._focus_picture()

    def action_export(self) -> None:
        """Write what is shown as a PNG at full size."""
        if self.pictures is None or not self.pictures.count():
            self.notify("There is nothing to export.")
        elif self.has_class("-sheet"):
            sheet = self.query_one(ContactSheet)
            page = f"{self.tab}_page_{sheet.cursor // sheet.per_page + 1}"
            self._export_sheet(tuple(sheet.subjects), sheet.columns, f"contact_sheet_{page}")
        else:
            sample, name = self.sample, self._shown_name or "picture"
            if sample is not None:
                name = f"{sample.run}_{Path(sample.name).stem}_{sample.epoch(self._at(sample))}"
            self._export(self._reader(full=True), name)

    @work(thread=True, group="export", exit_on_error=False)
    def _export(self, read: Any, name: str) -> None:
        from fext_tui.exporting import export_figure, exports_folder

        self._tell(lambda: export_figure(read(), exports_folder(self.app.workspace), name))

    @work(thread=True, group="export", exit_on_error=False)
    def _export_sheet(self, subjects: Sequence[Subject], columns: int, name: str) -> None:
        from fext_tui.exporting import export_sheet, exports_folder

        self._tell(lambda: export_sheet(subjects, columns, exports_folder(self.app.workspace), name))

    def _tell(self, write: Callable[[], Path]) -> None:
        """Say where a file was written, or why it was not; in a worker thread."""
        try:
            path = write()
        except FextError as error:
            self.notify(str(error), title="Nothing was exported", severity="error", markup=False)
        else:
            self.notify(escape_name(str(path)), title="Exported", markup=False)

    def action_alone(self) -> None:
        """Give the picture the list's room, or give it back."""
        self.toggle_class("-alone")
        self._focus_picture()

    def _focus_picture(self) -> None:
        if self.has_class("-alone"):
            self.query_one(PictureFile).picture.focus()
        else:
            self.query_one(RowList).focus()

    def action_close(self) -> None:
        """Close the contact sheet."""
        self.action_sheet()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for epochs where there are some, and escape where there is something to close."""
        if action in _SAMPLE_ACTIONS:
            sheet = self.has_class("-sheet")
            return isinstance(self.pictures, SampleList) and self.pictures.count() > 0 and not sheet
        if action == "close":
            return self.has_class("-sheet")
        if action == "alone":
            return not self.has_class("-sheet")
        return super().check_action(action, parameters)

    def job_moved(self, job: JobSnapshot) -> None:
        """New pictures appear in the list as they come."""
        new_sample = self.tab == "reconstructions" and job.sample != self._newest_sample
        made = {"sample": "training", "evaluate": "plots", "analyze": "plots"}.get(job.verb)
        if new_sample or (not job.is_active and made == self.tab):
            self._newest_sample = job.sample
            self.action_reload()


def subjects_of(pictures: Pictures, offset: int, limit: int) -> list[Subject]:
    """The rows of a contact sheet's page."""
    if isinstance(pictures, SampleList):
        rows = enumerate(pictures.samples[offset : offset + limit], offset)
        return [Subject(n, f"{s.name}  {s.run}", s.pictures[-1], s) for n, s in rows]
    names = ((index, pictures.name(index) or "") for index in range(offset, offset + limit))
    return [Subject(index, name, pictures.root / unescape_name(name)) for index, name in names]
