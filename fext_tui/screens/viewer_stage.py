"""What the Viewer shows of a list: the picture, the contact sheet and what is known of the row under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.contact_tiles import Subject, subjects_of
from fext_tui.epochs import EpochCursor
from fext_tui.listing import Pictures
from fext_tui.pixels import pixels_asked, why_no_pixels
from fext_tui.reconstructions import Sample, SampleList
from fext_tui.screens.viewer_lists import FILES
from fext_tui.widgets.contact_sheet import ContactSheet
from fext_tui.widgets.fact_list import FactList
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_tui.app import FextApp
    from fext_tui.figure import Figure

PLAY_SECONDS = 0.4  # that each epoch of a slideshow stays, beside the time to read and draw it


class ViewerStage(Horizontal):
    """A list and the picture of its row; instead of both a contact sheet, and beside them the information."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "step(1)", "Next", id="viewer.next"),
        Binding("p,left", "step(-1)", "Previous", id="viewer.previous"),
        Binding("g,home", "jump(0)", "First", id="viewer.first", show=False),
        Binding("G,end", "jump(-1)", "Last", id="viewer.last", show=False),
        Binding("space", "play", "Play", id="viewer.play", tooltip="Play the sample's epochs; again: stop"),
        Binding("full_stop", "epoch(1)", "Next epoch", id="viewer.next-epoch", key_display=".", show=False,
                tooltip="The same sample one epoch later"),
        Binding("comma", "epoch(-1)", "Epoch before", id="viewer.previous-epoch", key_display=",", show=False,
                tooltip="The same sample one epoch earlier"),
        Binding("less_than_sign", "epoch_jump(0)", "First epoch", id="viewer.first-epoch", key_display="<", show=False),
        Binding("greater_than_sign", "epoch_jump(-1)", "Last epoch", id="viewer.last-epoch", key_display=">",
                show=False),
        Binding("c", "sheet", "Sheet", id="viewer.sheet", tooltip="Contact sheet: all pictures of the list, small"),
        Binding("i", "facts", "Info", id="viewer.facts", tooltip="Information: the file, its records and measures"),
        Binding("w", "export", "Export", id="viewer.export", tooltip="Write what is shown as a PNG at full size"),
        Binding("z", "pixels", "Real pixels", id="viewer.pixels", show=False,
                tooltip="Real pixels instead of half blocks, where FEXT_PIXELS turned them on; or back, to zoom"),
        Binding("f", "alone", "Full width", id="viewer.wide", show=False, tooltip="Hide the list, or show it"),
        Binding("escape", "close_sheet", "Close", show=False, id="viewer.close-sheet"),
    ]  # fmt: skip

    app: FextApp

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pictures: Pictures | None = None
        self.kind = ""
        self.shown_name: str | None = None
        self.epochs = EpochCursor()
        self._title = ""
        self._figure: Figure | None = None
        self._wants_pixels = not why_no_pixels()

    def compose(self) -> ComposeResult:
        yield RowList(id="pictures", classes="pane")
        yield PictureFile(id="picture", classes="pane")
        yield ContactSheet(id="sheet", classes="pane")
        yield FactList(id="facts", classes="pane")

    def on_mount(self) -> None:
        self.query_one(FactList).border_title = "Information"
        if pixels_asked() and (problem := why_no_pixels()):
            self.notify(problem, title="No real pixels", severity="warning", timeout=10, markup=False)

    @property
    def rows(self) -> RowList:
        """The list."""
        return self.query_one(RowList)

    @property
    def sample(self) -> Sample | None:
        """The run's sample under the cursor."""
        at, pictures = self.rows.cursor, self.pictures
        return pictures.samples[at] if isinstance(pictures, SampleList) and at < pictures.count() else None

    def show(self, pictures: Pictures, kind: str, index: int, words: str) -> None:
        """Show a list with the cursor on a row; `words` where it is empty."""
        self.pictures, self.kind = pictures, kind
        self.epochs.playing = False
        what = "samples" if isinstance(pictures, SampleList) else "pictures"
        self.rows.border_title = f"{pictures.count():,} {what}"
        self.rows.set_source(pictures, cursor=index)
        shown = self.query_one(PictureFile)
        shown.tell_path = kind not in FILES
        if self.has_class("-sheet"):
            self._fill_sheet()
        if pictures.count():
            self._show_row(self.rows.cursor)
        else:
            shown.show_nothing(words)
            self._title = shown.border_title = ""
            self.query_one(FactList).show(None)
        self.refresh_bindings()

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        self._show_row(event.index)

    def _show_row(self, index: int) -> None:
        if self.pictures is None or index >= self.pictures.count():
            return
        before, self.shown_name = self.shown_name, self.pictures.name(index)
        if self.sample is not None and (before or "").rpartition("/")[0] != self.sample.run:
            self.epochs.reset()
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
        playing = f" ▶ {self.app.key('viewer.play')} stops" if self.epochs.playing else ""
        title = f"{sample.epoch(self.epochs.at(sample))}{playing}" if sample else ""
        if title != self._title:  # a title, even the same, has the whole pane drawn again
            self._title, shown.border_title = title, Content(title)
        shown.show_figure(self._reader(), keep_view=keep_view)

    def _reader(self, *, full: bool = False) -> Any:
        """What makes the figure of the row under the cursor; `full` at its own size."""
        from fext_tui.figure import read_picture, read_sample

        assert self.pictures is not None
        if self.sample is not None:
            return partial(read_sample, self.sample, self.epochs.at(self.sample))
        path = self.pictures.path(self.rows.cursor)
        return partial(read_picture, path, None) if full else partial(read_picture, path)

    def _facts_reader(self) -> Any:
        from fext_tui.image_facts import image_facts, plot_facts, sample_facts

        assert self.pictures is not None
        if self.sample is not None:
            return partial(sample_facts, self.sample, self.epochs.at(self.sample))
        at = self.rows.cursor
        path, name = self.pictures.path(at), self.pictures.name(at) or ""
        if self.kind not in FILES:
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
        return self.query_one(ContactSheet) if self.has_class("-sheet") else self.rows

    def _go(self, index: int) -> None:
        self.epochs.playing = False
        if self.pictures is not None and self.pictures.count():
            self._mover.cursor = min(max(index, 0), self.pictures.count() - 1)

    def action_epoch(self, step: int) -> None:
        """Show the same sample an epoch later or earlier."""
        if self.sample is not None:
            self._go_to_epoch(self.epochs.at(self.sample) + step)

    def action_epoch_jump(self, place: int) -> None:
        """Show the same sample after the first epoch, or (-1) the last."""
        if self.sample is not None:
            self._go_to_epoch(place if place >= 0 else len(self.sample.pictures) - 1)

    def _go_to_epoch(self, place: int) -> None:
        assert self.sample is not None
        self.epochs.playing = False
        self.epochs.go(self.sample, place)
        self._show_picture(keep_view=True)

    def action_play(self) -> None:
        """Play the sample's epochs from here on, from the first when the last is shown; or stop."""
        if self.sample is not None:
            self.epochs.play(self.sample)
            self._show_picture(keep_view=True)

    @on(PictureFile.Shown)
    async def _figure_shown(self, message: PictureFile.Shown) -> None:
        self._figure = message.figure
        await self._show_pixels()
        if self.epochs.playing:
            self.set_timer(PLAY_SECONDS, self._play_next)

    async def action_pixels(self) -> None:
        """Change between half blocks and real pixels."""
        if problem := why_no_pixels():
            self.notify(problem, title="No real pixels", severity="warning", markup=False)
            return
        self._wants_pixels = not self._wants_pixels
        await self._show_pixels()
        self.call_after_refresh(self._focus_shown)

    async def _show_pixels(self) -> None:
        """Put real pixels over the half blocks of a still figure, or take them away."""
        from fext_tui.widgets.pixel_picture import PixelPicture

        file, figure = self.query_one(PictureFile), self._figure
        shown = bool(self._wants_pixels and figure and figure.panels and not self.epochs.playing)
        for picture in file.query(PixelPicture):
            picture.display = shown
        file.picture.display = not shown
        if shown and figure is not None:
            if not file.query(PixelPicture):
                await file.mount(PixelPicture(), before=0)
            file.query_one(PixelPicture).show(figure)

    def _play_next(self) -> None:
        if self.epochs.playing and self.sample is not None:
            self.epochs.advance(self.sample)
            self._show_picture(keep_view=True)

    def action_sheet(self) -> None:
        """Open or close the contact sheet."""
        self.epochs.playing = False
        self.toggle_class("-sheet")
        if self.has_class("-sheet"):
            self._fill_sheet()
        else:
            self._show_picture()
        self.call_after_refresh(self._focus_shown)
        self.refresh_bindings()

    def _fill_sheet(self) -> None:
        if self.pictures is None:  # not listed yet: the list fills the sheet when it comes
            return
        sheet, rows = self.query_one(ContactSheet), self.rows
        sheet.border_title = rows.border_title
        records = (self.app.workspace.database, self.pictures.root) if self.kind in FILES else None
        sheet.show(self.pictures.count(), partial(subjects_of, self.pictures), records, rows.cursor)

    @on(ContactSheet.Highlighted)
    def _sheet_moved(self, event: ContactSheet.Highlighted) -> None:
        self.rows.cursor = event.index

    @on(ContactSheet.Selected)
    def _sheet_opened(self, event: ContactSheet.Selected) -> None:
        self.rows.cursor = event.index
        if self.has_class("-sheet"):
            self.action_sheet()

    def action_facts(self) -> None:
        """Show or hide what is known of the picture."""
        self.toggle_class("-facts")
        self._show_picture(keep_view=True)
        self.call_after_refresh(self._focus_shown)

    def action_export(self) -> None:
        """Write what is shown as a PNG at full size."""
        if self.pictures is None or not self.pictures.count():
            self.notify("There is nothing to export.")
        elif self.has_class("-sheet"):
            sheet = self.query_one(ContactSheet)
            page = f"contact_sheet_{self.kind}_page_{sheet.page + 1}"
            self._export_sheet(tuple(sheet.subjects), sheet.places.columns, page)
        else:
            sample, name = self.sample, self.shown_name or "picture"
            if sample is not None:
                name = f"{sample.run}_{Path(sample.name).stem}_{sample.epoch(self.epochs.at(sample))}"
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
        self.call_after_refresh(self._focus_shown)

    def _focus_shown(self) -> None:
        """Put the focus into what has the cursor, or the picture where the list has given way."""
        if self.has_class("-sheet"):
            self.query_one(ContactSheet).focus()
        elif self.rows.display:
            self.rows.focus()
        else:
            pictures = self.query_one(PictureFile).query("Picture, PixelPicture")
            next(picture for picture in pictures if picture.display).focus()

    def action_close_sheet(self) -> None:
        """Go back from the contact sheet to the picture."""
        self.action_sheet()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for epochs where there are some; escape only where there is a sheet to close."""
        sheet = self.has_class("-sheet")
        if action in ("epoch", "epoch_jump", "play"):
            return self.sample is not None and not sheet
        return sheet if action == "close_sheet" else not (action == "alone" and sheet)
