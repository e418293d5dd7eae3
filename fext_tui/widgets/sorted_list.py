"""A list of things in memory, in the order of any column; as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from textual import on
from textual.binding import Binding, BindingType

from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import Align

Item = TypeVar("Item")


@dataclass(frozen=True)
class Field(Generic[Item]):
    """A column: what it shows of an item, and the value that it sorts by (None is unknown, and comes last).

    `width` is in cells; with `grows` it is the least one, and the column takes its share of what is left.
    """

    title: str
    width: int
    show: Callable[[Item], str]
    value: Callable[[Item], Any]
    align: Align = "left"
    about: str = ""
    grows: bool = False

    @property
    def column(self) -> Column:
        return Column(self.title, None if self.grows else self.width, self.align)


class SortedList(RowList, Generic[Item]):
    """Shows items by `fields`, the most wanted first; the cursor stays on its item whatever the order."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("comma", "sort", "Sort", id="list.sort", key_display=",", show=False, tooltip="Choose the column"),
        Binding("full_stop", "turn", "Turn", id="list.turn", key_display=".", show=False, tooltip="Turn the order"),
    ]  # fmt: skip

    def __init__(
        self,
        fields: Sequence[Field[Item]],
        identity: Callable[[Item], Hashable],
        *,
        order: str,
        descending: bool = False,
        copied: Callable[[Item], str] | None = None,
        empty: str = "Nothing here yet",
        id: str | None = None,
    ) -> None:
        """Create the list, sorted by the field titled `order`; `identity` tells which item is which.

        `copied` gives what is copied of an item, by default its texts.
        """
        super().__init__(id=id, empty=empty)
        self.fields = fields
        self.identity = identity
        self.order = order
        self.descending = descending
        self.copied = copied
        self.items: Sequence[Item] = ()

    @property
    def current(self) -> Item | None:
        """The item under the cursor."""
        return self.items[self.cursor] if 0 <= self.cursor < len(self.items) else None

    def shows(self, title: str) -> bool:
        """Whether there is room for the field of that title."""
        return any(column.title == title for column in self._columns)

    def show_items(self, items: Sequence[Item], wanted: Hashable = None) -> None:
        """Show these items, with the cursor on the one of identity `wanted`, else on the one it was on."""
        before = None if self.current is None else self.identity(self.current)
        self.items = self._sorted(items)
        names = [self.identity(item) for item in self.items]
        to = next((names.index(name) for name in (wanted, before) if name in names), self.cursor)
        self._fill(to)
        if self.current is not None and self.identity(self.current) != before:
            self.post_message(self.Highlighted(self, self.cursor))

    def action_sort(self) -> None:
        """Choose the column to sort by."""
        from fext_tui.dialogs.choose_column import ChooseColumnDialog

        about = [(field.title, field.about) for field in self.fields]
        self.app.push_screen(ChooseColumnDialog("Sort by", about, self.order), self._sort)

    def action_turn(self) -> None:
        """Turn the order around."""
        self._sort(self.order)

    @on(RowList.HeaderClicked)
    def _header_clicked(self, event: RowList.HeaderClicked) -> None:
        event.stop()
        self._sort(self._shown()[event.index].title)

    def on_resize(self) -> None:
        """Show as many columns as there is room for now."""
        if self.source is not None and self._columns != self._fitting():
            self._fill(self.cursor)

    def _sort(self, title: str | None) -> None:
        if title is not None:
            self.descending = title == self.order and not self.descending
            self.order = title
            self.show_items(self.items)

    def _sorted(self, items: Sequence[Item]) -> list[Item]:
        value = next(field.value for field in self.fields if field.title == self.order)
        known = sorted((i for i in items if value(i) is not None), key=value, reverse=self.descending)
        return known + [i for i in items if value(i) is None]

    def _shown(self) -> list[Field[Item]]:
        """The fields that there is room for: the first, the sorted one, then the others in their order."""
        wanted = sorted(self.fields[1:], key=lambda field: field.title != self.order)
        free = (self.size.width or 80) - 2
        shown: list[str] = []
        for field in (self.fields[0], *wanted):
            if not shown or field.width + 1 <= free:
                shown.append(field.title)
                free -= field.width + 1
        return [field for field in self.fields if field.title in shown]

    def _fitting(self) -> list[Column]:
        return [field.column for field in self._shown()]

    def _fill(self, cursor: int) -> None:
        shown = self._shown()
        rows = [[field.show(item) for field in shown] for item in self.items]
        values = [self.copied(item) for item in self.items] if self.copied else ()
        self.set_source(TableRows([field.column for field in shown], rows, values), cursor=cursor)
        at = next((n for n, field in enumerate(shown) if field.title == self.order), None)
        self.sort_mark(at, descending=self.descending)
