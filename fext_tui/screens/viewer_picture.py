"""What the Viewer shows of a list: the picture, the contact sheet and what is known of the row under the cursor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from fext_tui.contact_tiles import subjects_of
from fext_tui.epochs import EpochCursor
from fext_tui.latent_map import MapPictures
from fext_tui.listing import Pictures
from fext_tui.reconstructions import Sample, SampleList
from fext_tui.screens.viewer_export import export_shown
from fext_tui.screens.viewer_lists import FILES
from fext_tui.screens.viewer_pixels import RealPixels
from fext_tui.shown_row import facts_reader, figure_reader
from fext_tui.widgets.contact_sheet import ContactSheet
from fext_tui.widgets.fact_list import FactList
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.point_map import PointMap
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_tui.app import FextApp


class PictureStage(Horizontal):
    """A list and the picture of its row; in place of the list a map, of both a contact sheet; beside them the facts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "step(1)", "Next", id="viewer.next"),
        Binding("p,left", "step(-1)", "Previous", id="viewer.previous"),
        Binding("g,home", "jump(0)", "First", id="viewer.first", show=False),
        Binding("G,end", "jump(-1)", "Last", id="viewer.last", show=False),
        Binding("c", "sheet", "Sheet", id="viewer.sheet", tooltip="Contact sheet: all pictures of the list, small"),
        Binding("i", "facts", "Info", id="viewer.facts", tooltip="Information: the file, its records and measures"),
        Binding("w", "export", "Export", id="viewer.export", tooltip="Write what is shown as a PNG at full size"),
        Binding("z", "pixels", "Real pixels", id="viewer.pixels", show=False,
                tooltip="Real pixels instead of half blocks, where FEXT_PIXELS turned them on; or back, to zoom"),
        Binding("f", "alone", "Full width", id="viewer.wide", show=False,
                tooltip="Hide the list, or show it; of a map hide the picture"),
        Binding("escape", "go_back", "Close", show=False, id="viewer.close-sheet"),
    ]  # fmt: skip

    app: FextApp

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.epochs = EpochCursor()
        self.pictures: Pictures | None = None
        self.kind = ""
        self.shown_name: str | None = None
        self._title = ""
        self._pixels = RealPixels(self)

    def compose(self) -> ComposeResult:
        yield RowList(id="pictures", classes="pane")
        yield PointMap(id="point-map", classes="pane")
        yield PictureFile(id="picture", classes="pane")
        yield ContactSheet(id="sheet", classes="pane")
        yield FactList(id="facts", classes="pane")

    def on_mount(self) -> None:
        self.query_one(FactList).border_title = "Information"
        self._pixels.tell_missing()

    @property
    def rows(self) -> RowList:
        """The list."""
        return self.query_one(RowList)

    @property
    def map(self) -> PointMap:
        """The map."""
        return self.query_one(PointMap)

    @property
    def sample(self) -> Sample | None:
        """The run's sample under the cursor."""
        at, pictures = self.rows.cursor, self.pictures
        return pictures.samples[at] if isinstance(pictures, SampleList) and at < pictures.count() else None

    def show(self, pictures: Pictures, kind: str, index: int, words: str, *, sheet: bool | None = None) -> None:
        """Show a list with the cursor on a row; `words` where it is empty; `sheet` opens the contact sheet or not."""
        had_focus = self.has_focus_within
        self.pictures, self.kind = pictures, kind
        self.epochs.playing = False
        self.rows.border_title = f"{pictures.count():,} {pictures.noun}"
        self.rows.sort_mark(None)
        self.rows.set_source(pictures, cursor=index)
        self.set_class(isinstance(pictures, MapPictures) and bool(pictures.count()), "-map")
        self.set_class(len(pictures.columns) > 2, "-ranked")
        if sheet is not None:
            self.set_class(sheet and bool(pictures.count()), "-sheet")
        if isinstance(pictures, MapPictures):
            self.map.show(pictures, self.rows.cursor)
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
        if had_focus:
            self.call_after_refresh(self.focus_shown)
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
        self.show_picture()

    def show_picture(self, *, keep_view: bool = False) -> None:
        """Show the row under the cursor: its picture, unless the contact sheet is open, and what is known of it."""
        if self.pictures is None or not self.pictures.count():
            return
        pictures, at = self.pictures, self.rows.cursor
        if self.has_class("-facts"):
            files = self.kind in FILES
            database = self.app.workspace.database
            self.query_one(FactList).show(facts_reader(pictures, at, self.epochs, files=files, database=database))
        if self.has_class("-sheet"):
            return
        shown, sample = self.query_one(PictureFile), self.sample
        playing = f" ▶ {self.app.key('viewer.play')} stops" if self.epochs.playing else ""
        title = f"{sample.epoch(self.epochs.at(sample))}{playing}" if sample else ""
        if title != self._title:  # a title, even the same, has the whole pane drawn again
            self._title, shown.border_title = title, Content(title)
        shown.show_figure(figure_reader(pictures, at, self.epochs), keep_view=keep_view)

    def action_step(self, step: int) -> None:
        """Go to the next or previous picture."""
        self._go(self.mover.cursor + step)

    def action_jump(self, index: int) -> None:
        """Go to the picture of that row; -1 is the last."""
        count = self.pictures.count() if self.pictures is not None else 0
        self._go(count - 1 if index < 0 else index)

    @property
    def mover(self) -> ContactSheet | PointMap | RowList:
        """What has the cursor: the contact sheet or the map while it is open, which takes the list along."""
        if self.has_class("-sheet"):
            return self.query_one(ContactSheet)
        return self.map if self.has_class("-map") else self.rows

    def _go(self, index: int) -> None:
        self.epochs.playing = False
        if self.pictures is not None and self.pictures.count():
            self.mover.cursor = min(max(index, 0), self.pictures.count() - 1)

    @on(PictureFile.Shown)
    async def _figure_shown(self, message: PictureFile.Shown) -> None:
        await self._pixels.show(message.figure)

    async def action_pixels(self) -> None:
        """Change between half blocks and real pixels."""
        await self._pixels.toggle()
        self.call_after_refresh(self.focus_shown)

    def action_sheet(self) -> None:
        """Open or close the contact sheet."""
        self.epochs.playing = False
        self.toggle_class("-sheet")
        if self.has_class("-sheet"):
            self._fill_sheet()
        self._changed()

    def _fill_sheet(self) -> None:
        if self.pictures is None:  # not listed yet: the list fills the sheet when it comes
            return
        sheet, rows = self.query_one(ContactSheet), self.rows
        sheet.border_title = rows.border_title
        records = (self.app.workspace.database, self.pictures.root) if self.kind in FILES else None
        sheet.show(self.pictures.count(), partial(subjects_of, self.pictures), records, rows.cursor)

    @on(ContactSheet.Highlighted)
    @on(PointMap.Highlighted)
    def _mover_moved(self, event: ContactSheet.Highlighted | PointMap.Highlighted) -> None:
        self.rows.cursor = event.index

    @on(ContactSheet.Selected)
    @on(PointMap.Selected)
    def _opened(self, event: ContactSheet.Selected | PointMap.Selected) -> None:
        """Show the picture in the room of the contact sheet, or of the map."""
        self.rows.cursor = event.index
        self.remove_class("-sheet", "-map")
        self._changed()

    def action_facts(self) -> None:
        """Show or hide what is known of the picture."""
        self.toggle_class("-facts")
        self.show_picture(keep_view=True)
        self.call_after_refresh(self.focus_shown)

    def action_export(self) -> None:
        """Write what is shown as a PNG at full size."""
        export_shown(self)

    def action_alone(self) -> None:
        """Give the picture the list's room, or give it back."""
        self.toggle_class("-alone")
        self.call_after_refresh(self.focus_shown)

    def action_go_back(self) -> None:
        """Go back from the contact sheet to the picture, and from a picture of the map to the map."""
        if self.has_class("-sheet"):
            self.action_sheet()
            return
        self.add_class("-map")
        self.map.cursor = self.rows.cursor
        self._changed()

    def _changed(self) -> None:
        """Show what came into sight and give it the focus."""
        self.show_picture()
        self.call_after_refresh(self.focus_shown)
        self.refresh_bindings()

    def focus_shown(self) -> None:
        """Put the focus into what has the cursor, or the picture where the list has given way."""
        (self.mover if self.mover.display else self.query_one(PictureFile).shown).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape only where there is something to go back to."""
        sheet = self.has_class("-sheet")
        if action == "go_back":
            return sheet or (isinstance(self.pictures, MapPictures) and not self.has_class("-map"))
        return not (action == "alone" and sheet)
