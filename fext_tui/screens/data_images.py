"""The Images table of the Data screen: a filter line over a list that is sorted by any column, and the preview."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_tui.listing import PictureList
from fext_tui.recorded import Listing, RecordedImages, open_listing, sort_column
from fext_tui.screens.data_files import FilesPane
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList


class ListOpened(Message):
    """A worker has made a list, or says what came between."""

    def __init__(self, images: RecordedImages | None, problem: str = "") -> None:
        super().__init__()
        self.images = images
        self.problem = problem


class ImagesPane(FilesPane):
    """All images, or those that a filter chooses, in the order of a column."""

    LIST = "#images"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="data.filter", key_display="/", tooltip="Choose images by a condition"),
        Binding("comma", "sort", "Sort", id="data.sort", key_display=",", tooltip="Choose the column to sort by"),
        Binding("full_stop", "turn", "Turn", id="data.turn", key_display=".", show=False, tooltip="Turn the order"),
        Binding("escape", "clear", "Clear filter", show=False, id="data.clear-filter"),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.listing = Listing()
        self._whole: RecordedImages | PictureList | None = None

    def compose(self) -> ComposeResult:
        yield Input(id="filter", placeholder="noise_ratio > 0.3 and class = 'cats'", select_on_focus=False)
        yield Static("", id="list-note", markup=False)
        with Horizontal():
            yield RowList(id="images", empty="No image is like that")
            yield PictureFile(id="preview")

    def on_mount(self) -> None:
        """The filter line comes when it is asked for."""
        self.query_one("#filter").display = False
        self._note("")

    def show_all(self, images: PictureList | RecordedImages, same_folder: bool) -> None:
        """Show a folder's images; of the folder that was shown before, by the filter and order in use."""
        self._whole = images
        if isinstance(images, RecordedImages) and same_folder and self.listing != Listing():
            self._open_list(self.listing)
            return
        self.listing = Listing()
        self.show_files(images, self.rows.cursor if same_folder else 0)
        self._mark()

    def action_filter(self) -> None:
        """Go to the filter line."""
        if not isinstance(self._whole, RecordedImages):
            self.tell_not_recorded()
            return
        line = self.query_one("#filter", Input)
        line.display = True
        line.focus()

    @on(Input.Submitted, "#filter")
    def _apply(self, event: Input.Submitted) -> None:
        from fext_engine.records.filter import FilterError, parse_filter

        try:
            chosen = parse_filter(event.value) if event.value.strip() else None
        except FilterError as error:
            event.input.cursor_position = error.position
            self._note(str(error), failed=True)
            return
        event.input.display = chosen is not None
        self.rows.focus()
        self._open_list(replace(self.listing, filter=chosen))

    def action_clear(self) -> None:
        """Leave the filter line and show all images again."""
        line = self.query_one("#filter", Input)
        line.value = ""
        line.display = False
        self.rows.focus()
        self._note("")
        if self.listing.filter is not None:
            self._open_list(replace(self.listing, filter=None))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the filter's while there is one."""
        if action == "clear":
            return self.query_one("#filter", Input).has_focus or self.listing.filter is not None
        return True

    def action_sort(self) -> None:
        """Choose the column to sort by."""
        from fext_engine.images.measures import MEASURES_BY_NAME
        from fext_engine.records.images import LIST_COLUMNS
        from fext_tui.dialogs.choose_column import ChooseColumnDialog

        if not isinstance(self._whole, RecordedImages):
            self.tell_not_recorded()
            return
        about = [
            (name, MEASURES_BY_NAME[name].help if name in MEASURES_BY_NAME else "") for name in LIST_COLUMNS
        ]
        self.app.push_screen(ChooseColumnDialog("Sort by", about, self.listing.order_by), self._sort)

    def action_turn(self) -> None:
        """Turn the order around."""
        self._sort(self.listing.order_by)

    @on(RowList.HeaderClicked)
    def _header_clicked(self, event: RowList.HeaderClicked) -> None:
        if isinstance(self.files, RecordedImages):
            self._sort(sort_column(self.files.names[event.index]))

    def _sort(self, column: str | None) -> None:
        if column is not None and isinstance(self._whole, RecordedImages):
            again = column == self.listing.order_by
            descending = not self.listing.descending if again else False
            self._open_list(replace(self.listing, order_by=column, descending=descending))

    def _open_list(self, listing: Listing) -> None:
        if isinstance(self._whole, RecordedImages):
            self.listing = listing
            self._note("Sorting…")
            self._read_list(self._whole, listing)

    @work(thread=True, exclusive=True, group="list", exit_on_error=False)
    def _read_list(self, whole: RecordedImages, listing: Listing) -> None:
        worker = get_current_worker()
        try:
            images = open_listing(whole.database, whole.root, listing, lambda: worker.is_cancelled)
        except (FextError, sqlite3.Error) as error:
            self.post_message(ListOpened(None, str(error)))
            return
        if not worker.is_cancelled:
            self.post_message(ListOpened(images))

    @on(ListOpened)
    def _show_list(self, message: ListOpened) -> None:
        if message.images is None:
            self._note(message.problem, failed=True)
        elif message.images.listing == self.listing and self._whole is not None:
            self.show_files(message.images)
            self._mark()
            self._note(self._describe(message.images))

    def _describe(self, images: RecordedImages) -> str:
        parts = []
        if self.listing.filter is not None and self._whole is not None:
            all_of_them = f"{self.app.key('data.clear-filter')} shows all"
            parts.append(f"{images.count():,} of {self._whole.count():,} images, {all_of_them}")
        if self.listing != replace(Listing(), filter=self.listing.filter):
            parts.append(f"sorted by {self.listing.order_by} {'▼' if self.listing.descending else '▲'}")
        return " · ".join(parts)

    def _note(self, text: str, failed: bool = False) -> None:
        note = self.query_one("#list-note", Static)
        note.display = bool(text)
        note.set_class(failed, "-failed")
        note.update(text)

    def columns_changed(self) -> None:
        """Mark the sorted column where it stands now."""
        self._mark()

    def _mark(self) -> None:
        names = [sort_column(n) for n in self.files.names] if isinstance(self.files, RecordedImages) else []
        order = self.listing.order_by
        at = len(names) - 1 - names[::-1].index(order) if order in names else None
        self.rows.sort_mark(at, descending=self.listing.descending)
