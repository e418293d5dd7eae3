"""A contact sheet: small pictures of a list of any length, page by page, of which only the page in view is read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget
from textual.worker import get_current_worker

from fext_tui.contact_tiles import Subject, Tile
from fext_tui.widgets.half_blocks import depth_of
from fext_tui.widgets.text import clip_start, fit, printable
from fext_tui.widgets.tile_lines import SheetLayout, draw_tile

if TYPE_CHECKING:
    from pathlib import Path

    from textual import events

_KEPT = 2000  # tiles, about a kilobyte each
_FRAME = 0.1  # seconds between two pages while a key is held
_BATCH = 0.1  # seconds between two messages of a reading worker


class ContactSheet(Widget, can_focus=True):
    """Shows what `subjects_of` names of the rows in view, with a cursor; `show` sets it up."""

    DEFAULT_CSS = """
    ContactSheet {
        width: 1fr;
        height: 1fr;
        background: $surface;
        color: $foreground;
        & > .contact-sheet--name { color: $text-muted; background: $surface; }
        & > .contact-sheet--word { color: $text-warning; background: $surface; }
        & > .contact-sheet--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: bold;
        }
        &:focus > .contact-sheet--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        &:nocolor:ansi > .contact-sheet--cursor { text-style: bold underline; }
        &:nocolor:ansi:focus > .contact-sheet--cursor { text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "contact-sheet--name",
        "contact-sheet--word",
        "contact-sheet--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="sheet.open", tooltip="Open the picture under the cursor"),
        Binding("right,l", "move(1, 0)", "Right", show=False, id="sheet.right"),
        Binding("left,h", "move(-1, 0)", "Left", show=False, id="sheet.left"),
        Binding("down,j", "move(0, 1)", "Down", show=False, id="sheet.down"),
        Binding("up,k", "move(0, -1)", "Up", show=False, id="sheet.up"),
        Binding("pagedown,ctrl+d", "page(1)", "Next page", show=False, id="sheet.page-down"),
        Binding("pageup,ctrl+u", "page(-1)", "Page before", show=False, id="sheet.page-up"),
        Binding("home,g", "first", "First", show=False, id="sheet.first"),
        Binding("end,G", "last", "Last", show=False, id="sheet.last"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Highlighted(Message):
        """The cursor came to row `index`."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class Selected(Highlighted):
        """Row `index` was opened: Enter, or a click on the tile under the cursor."""

    class TilesRead(Message):
        """A worker has read tiles of the list of that number."""

        def __init__(self, version: int, tiles: dict[int, Tile]) -> None:
            super().__init__()
            self.version = version
            self.tiles = tiles

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._count = 0
        self._subjects_of: Callable[[int, int], Sequence[Subject]] | None = None
        self._records: tuple[Path, Path] | None = None
        self._version = 0
        self._tiles: OrderedDict[int, Tile] = OrderedDict()
        self._drawn: OrderedDict[tuple[Any, ...], list[Strip]] = OrderedDict()
        self._page: Sequence[Subject] = ()
        self._first = 0
        self._painted = 0.0
        self._page_due = False

    def show(
        self, count: int, subjects_of: Callable[[int, int], Sequence[Subject]],
        records: tuple[Path, Path] | None, cursor: int,
    ) -> None:  # fmt: skip
        """Show a list of `count` rows with the cursor on one of them.

        `subjects_of` is asked on the UI's thread for a page's rows, offset and limit; `records` are the
        database and the root of stored thumbnails.
        """
        self._version += 1
        self._tiles.clear()
        self._drawn.clear()
        self._count, self._subjects_of, self._records = count, subjects_of, records
        self.set_reactive(ContactSheet.cursor, max(0, min(cursor, count - 1)))
        self._show_page()

    @property
    def subjects(self) -> Sequence[Subject]:
        """What the page in view shows."""
        return self._page

    @property
    def places(self) -> SheetLayout:
        """How the tiles lie; a line is kept for what the sheet shows."""
        return SheetLayout(self.size.width, self.size.height - 1)

    @property
    def page(self) -> int:
        """The page of the cursor, counted from 0."""
        return self.cursor // self.places.per_page

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor within the rows."""
        return max(0, min(cursor, self._count - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        """Redraw what changed: two names, or soon the whole page."""
        if self._first <= now < self._first + self.places.per_page:
            self.refresh()
        else:
            self._page_soon()
        if self._count:
            self.post_message(self.Highlighted(now))

    def action_move(self, across: int, down: int) -> None:
        """Move the cursor by tiles; up and down stay in their column at the list's ends."""
        to = self.cursor + across + down * self.places.columns
        if across or 0 <= to < self._count:
            self.cursor = to

    def action_page(self, pages: int) -> None:
        """Move the cursor by what is visible."""
        self.cursor += pages * self.places.per_page

    def action_first(self) -> None:
        """Move the cursor to the first picture."""
        self.cursor = 0

    def action_last(self) -> None:
        """Move the cursor to the last picture."""
        self.cursor = self._count - 1

    def action_select(self) -> None:
        """Open the picture under the cursor."""
        if self._count:
            self.post_message(self.Selected(self.cursor))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel turns pages."""
        event.stop()
        self.action_page(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel turns pages."""
        event.stop()
        self.action_page(-1)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, on the cursor's tile it opens the picture."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        width, height = self.places.tile
        column, row = offset.x // width, offset.y // height
        index = self._first + row * self.places.columns + column
        if column >= self.places.columns or index >= self._first + len(self._page):
            return
        if index == self.cursor:
            self.action_select()
        else:
            self.cursor = index

    def on_resize(self) -> None:
        """Another number of tiles fits, in another size."""
        self._tiles.clear()
        self._drawn.clear()
        self._version += 1
        self._show_page()

    def notify_style_update(self) -> None:
        """Forget what is drawn when the theme changes."""
        super().notify_style_update()
        self._drawn.clear()

    def _page_soon(self) -> None:
        """Turn the page, at most ten times a second."""
        if not self._page_due:
            self._page_due = True
            self.set_timer(max(0.001, self._painted + _FRAME - monotonic()), self._turn)

    def _turn(self) -> None:
        self._page_due = False
        self._show_page()

    def _show_page(self) -> None:
        """Show the page of the cursor and read what it lacks."""
        self._painted = monotonic()
        self._first = self.page * self.places.per_page
        limit = min(self.places.per_page, self._count - self._first)
        shown = self._subjects_of is not None and self.size.area and limit > 0
        self._page = self._subjects_of(self._first, limit) if shown and self._subjects_of else ()
        missing = [subject for subject in self._page if subject.index not in self._tiles]
        if missing:
            self._read(self._version, missing, self.places.picture)
        self.refresh()

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _read(self, version: int, subjects: Sequence[Subject], size: tuple[int, int]) -> None:
        from fext_tui.contact_tiles import read_tiles

        worker = get_current_worker()
        read: dict[int, Tile] = {}
        sent = monotonic()
        for index, tile in read_tiles(subjects, size, self._records, lambda: worker.is_cancelled):
            read[index] = tile
            if monotonic() - sent >= _BATCH:
                self.post_message(self.TilesRead(version, read))
                read, sent = {}, monotonic()
        self.post_message(self.TilesRead(version, read))

    @on(TilesRead)
    def _take(self, message: TilesRead) -> None:
        message.stop()
        if message.version != self._version:
            return
        self._tiles.update(message.tiles)
        while len(self._tiles) > _KEPT:
            self._tiles.popitem(last=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one line of a row of tiles, of the names below them, or of what the sheet shows."""
        width, height = self.size
        if y == height - 1:
            return self._caption(width)
        columns = self.places.columns
        row, line = divmod(y, self.places.tile[1])
        start = row * columns
        if row >= self.places.rows or start >= len(self._page):
            return Strip.blank(width, self.rich_style)
        segments: list[Segment] = []
        for subject in self._page[start : start + columns]:
            segments += self._cells(subject, line)
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _cells(self, subject: Subject, line: int) -> Iterator[Segment]:
        at_cursor = subject.index == self.cursor
        edge = self.get_component_rich_style("contact-sheet--cursor") if at_cursor else self.rich_style
        yield Segment(" ", edge)
        width, height = self.places.tile
        if line == height - 1:
            style = edge if at_cursor else self.get_component_rich_style("contact-sheet--name")
            name = printable(subject.name.rpartition("/")[2])
            if subject.sample is None:  # of a file the end tells it apart, of a sample the start: then comes the run
                before = f"{subject.caption} " if subject.caption else ""
                name = before + clip_start(name, width - 2 - len(before))
            yield Segment(fit(name, width - 1), style)
        else:
            yield from self._picture(subject.index)[line]

    def _picture(self, index: int) -> list[Strip]:
        """The lines of a tile's picture; they are drawn once."""
        tile, depth, grey = self._tiles.get(index), depth_of(self.app), self.app.no_color
        key = (index, tile is not None, depth, grey)
        if key not in self._drawn:
            styles = self.rich_style, self.get_component_rich_style("contact-sheet--word")
            self._drawn[key] = draw_tile(tile, self.places, depth, styles, grey=grey)
            if len(self._drawn) > _KEPT // 4:
                self._drawn.popitem(last=False)
        return self._drawn[key]

    def _caption(self, width: int) -> Strip:
        pages = -(-self._count // self.places.per_page)
        page = f"page {self.page + 1:,} of {pages:,}" if self._count else "no pictures"
        at = self.cursor - self._first
        name = printable(self._page[at].name) if 0 <= at < len(self._page) else ""
        where = f" {page} · {self.cursor + 1:,} of {self._count:,} · " if self._count else f" {page}"
        text = where + clip_start(name, max(0, width - len(where)))
        return Strip([Segment(fit(text, width), self.get_component_rich_style("contact-sheet--name"))], width)
