"""A list that opens at once however long it is: only the rows in view are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from fext_tui.widgets.columns import Column, Row, column_spans, table_line
from fext_tui.widgets.text import fit

if TYPE_CHECKING:
    from textual import events

_PAGE = 128  # rows fetched at once
_PAGES_KEPT = 32


class RowSource(Protocol):
    """Where the rows come from. Called on the UI thread: a call should take a few milliseconds at most."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of every row."""
        ...

    def count(self) -> int:
        """Return how many rows there are."""
        ...

    def rows(self, offset: int, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows from `offset` on, one text a column."""
        ...


class RowList(ScrollView, can_focus=True):
    """Shows the rows of a `RowSource` below a header, with a cursor."""

    DEFAULT_CSS = """
    RowList {
        width: 1fr;
        height: 1fr;
        background: $surface;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .row-list--header { background: $panel; color: $text-muted; text-style: bold; }
        & > .row-list--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: bold;
        }
        & > .row-list--empty { color: $text-muted; }
        &:focus > .row-list--header { color: $text; }
        &:focus > .row-list--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        &:ansi:focus > .row-list--header { text-style: bold underline; }
        &:nocolor:ansi > .row-list--cursor { text-style: bold underline; }
        &:nocolor:ansi:focus > .row-list--cursor { text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-list--header", "row-list--cursor", "row-list--empty"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", show=False, id="list.open"),
        Binding("down,j", "move(1)", "Down", show=False, id="list.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="list.up"),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False, id="list.page-down"),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False, id="list.page-up"),
        Binding("home,g", "first", "First", show=False, id="list.first"),
        Binding("end,G", "last", "Last", show=False, id="list.last"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Highlighted(Message):
        """The cursor came to row `index`."""

        def __init__(self, row_list: RowList, index: int) -> None:
            super().__init__()
            self.row_list = row_list
            self.index = index

        @property
        def control(self) -> RowList:
            """The list that sent this."""
            return self.row_list

    class Selected(Highlighted):
        """Row `index` was opened: Enter, or a click on the row under the cursor."""

    class HeaderClicked(Highlighted):
        """The title of column `index` was clicked."""

    def __init__(
        self,
        source: RowSource | None = None,
        *,
        empty: str = "Nothing here yet",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the list; `empty` is shown while there are no rows."""
        super().__init__(name=name, id=id, classes=classes)
        self.empty = empty
        self.source = source
        self.sorted_by: tuple[int, bool] | None = None
        self._count = source.count() if source else 0
        self._pages: OrderedDict[int, Sequence[Row]] = OrderedDict()

    def on_mount(self) -> None:
        """Take the size of the source."""
        self._fit_height()

    @property
    def row_count(self) -> int:
        """How many rows the source had when it was last asked."""
        return self._count

    @property
    def row(self) -> Row | None:
        """The texts of the row under the cursor."""
        return self.row_at(self.cursor)

    def row_at(self, index: int) -> Row | None:
        """Return the texts of row `index`, None where there is none."""
        if self.source is None or not 0 <= index < self._count:
            return None
        number = index // _PAGE
        if number not in self._pages:
            self._pages[number] = self.source.rows(number * _PAGE, _PAGE)
            if len(self._pages) > _PAGES_KEPT:
                self._pages.popitem(last=False)
        self._pages.move_to_end(number)
        page = self._pages[number]
        return page[index % _PAGE] if index % _PAGE < len(page) else None

    def set_source(self, source: RowSource | None, *, cursor: int = 0) -> None:
        """Show another source, with the cursor on row `cursor`."""
        self.source = source
        self.refresh_rows()
        self.cursor = cursor
        self.call_after_refresh(self._show_cursor)

    def sort_mark(self, column: int | None, *, descending: bool = False) -> None:
        """Mark `column` as the one the source is sorted by; None takes the mark away."""
        self.sorted_by = None if column is None else (column, descending)
        self.refresh(Region(0, 0, self.size.width, 1))

    def refresh_rows(self) -> None:
        """Ask the source again. The cursor stays on its row number as far as there are rows."""
        self._pages.clear()
        self._count = self.source.count() if self.source else 0
        self._fit_height()
        self.cursor = self.validate_cursor(self.cursor)
        self.refresh()

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor within the rows."""
        return max(0, min(cursor, self._count - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        """Redraw the two rows concerned and tell the screen."""
        for index in (before, now):
            self.refresh(Region(0, index + 1 - self.scroll_offset.y, self.size.width, 1))
        self._show_cursor()
        if self._count:
            self.post_message(self.Highlighted(self, now))

    def action_move(self, rows: int) -> None:
        """Move the cursor by `rows`."""
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        """Move the cursor by what is visible, less one row."""
        self.cursor += pages * max(1, self.size.height - 2)

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self.cursor = 0

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self.cursor = self._count - 1

    def action_select(self) -> None:
        """Open the row under the cursor."""
        if self._count:
            self.post_message(self.Selected(self, self.cursor))

    def copy_text(self) -> str | None:
        """The true path of the file under the cursor; of a row that is no file its value, or its texts."""
        if self.source is None or self.row is None:
            return None
        for name in ("path", "value"):  # sources of files have the first, small tables the second
            if (of_row := getattr(self.source, name, None)) is not None:
                return str(of_row(self.cursor))
        return "\t".join(self.row)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, on the cursor's row it opens the row, on the header it names the column."""
        if event.y == 0:
            for index, (start, width) in enumerate(column_spans(self._columns, self.size.width)):
                if start <= event.x <= start + width:
                    self.post_message(self.HeaderClicked(self, index))
            return
        index = event.y - 1 + self.scroll_offset.y
        if index == self.cursor:
            self.action_select()
        elif index < self._count:
            self.cursor = index

    def _fit_height(self) -> None:
        self.virtual_size = Size(0, self._count + 1)

    def _show_cursor(self) -> None:
        """Scroll as little as shows the cursor's row below the header."""
        visible = self.size.height - 1
        top = self.scroll_offset.y
        if visible > 0 and not top <= self.cursor < top + visible:
            self.scroll_to(y=self.cursor if self.cursor < top else self.cursor - visible + 1, animate=False)

    def render_line(self, y: int) -> Strip:
        """Return the header, a row, or the words for no rows."""
        width = self.size.width
        if y == 0:
            header = table_line(self._titles(), self._columns, width)
            return Strip([Segment(header, self.get_component_rich_style("row-list--header"))], width)
        index = y - 1 + self.scroll_offset.y
        row = self.row_at(index)
        if row is not None:
            at_cursor = index == self.cursor
            style = self.get_component_rich_style("row-list--cursor") if at_cursor else self.rich_style
            return Strip([Segment(table_line(row, self._columns, width), style)], width)
        if self._count == 0 and y == max(1, self.size.height // 3):
            style = self.get_component_rich_style("row-list--empty")
            return Strip([Segment(fit(self.empty.center(width), width), style)], width)
        return Strip.blank(width, self.rich_style)

    @property
    def _columns(self) -> Sequence[Column]:
        return self.source.columns if self.source else ()

    def _titles(self) -> list[str]:
        titles = [column.title for column in self._columns]
        if self.sorted_by is not None and self.sorted_by[0] < len(titles):
            column, descending = self.sorted_by
            titles[column] += " ▼" if descending else " ▲"
        return titles
