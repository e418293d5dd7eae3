"""Picking what is to be removed from a list with sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from fext_engine.paths import escape_name
from fext_tui.dialogs.dialog import Dialog
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import format_bytes

if TYPE_CHECKING:
    from fext_engine.maintenance.removal import Removable

MARK = "●"
MOST_LINES = 200  # of a question
COLUMNS = (
    Column("", 1), Column("name", None), Column("what", 10), Column("size", 9, "right"), Column("used by job", 11),
)  # fmt: skip


def item_lines(items: Sequence[Removable]) -> list[str]:
    """What is to be deleted, a line each: its size and its path."""
    lines = [f"{format_bytes(item.bytes):>9}  {escape_name(str(item.path))}" for item in items[:MOST_LINES]]
    rest = items[MOST_LINES:]
    return lines + ([f"and {len(rest):,} more, {format_bytes(sum(i.bytes for i in rest))}"] if rest else [])


class RemoveDialog(Dialog["list[Removable] | None"]):
    """What can be removed, the largest first. The result is what was marked, or the one under the cursor; a question
    with all of it comes before anything is deleted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", id="remove.mark", tooltip="Mark it, or take the mark away"),
        Binding("a", "mark_all", "All", id="remove.mark-all", tooltip="Mark all, or none"),
        Binding("d,delete", "remove", "Delete", id="remove.remove",
                tooltip="Delete the marked ones, without marks the chosen one, after a question"),
    ]  # fmt: skip

    def __init__(self, title: str, items: Sequence[Removable]) -> None:
        super().__init__()
        self.heading = title
        self.items = items
        self.marked: set[int] = set()

    def compose_content(self) -> ComposeResult:
        yield RowList(id="removable", empty="There are none")
        yield Static("", id="removable-total", markup=False)

    def on_mount(self) -> None:
        self.query_one(".dialog").border_title = self.heading
        self.query_one(RowList).focus()
        self._show()

    def _show(self) -> None:
        rows = [
            (MARK if n in self.marked else "", item.name, item.kind, format_bytes(item.bytes), item.in_use)
            for n, item in enumerate(self.items)
        ]
        table = self.query_one(RowList)
        table.set_source(
            TableRows(COLUMNS, rows, [str(item.path) for item in self.items]), cursor=table.cursor
        )
        held = format_bytes(sum(item.bytes for item in self.items))
        marked = format_bytes(sum(self.items[n].bytes for n in self.marked))
        words = f"{len(self.marked)} marked, {marked}, of {len(self.items)}, {held}"
        self.query_one("#removable-total", Static).update(words)

    def _is_free(self, index: int) -> bool:
        if not self.items[index].in_use:
            return True
        self.notify(f"Job {self.items[index].in_use} uses it: stop the job first.", severity="warning")
        return False

    def action_mark(self) -> None:
        """Mark the one under the cursor, or take its mark away, and go on to the next."""
        table = self.query_one(RowList)
        if self.items and self._is_free(table.cursor):
            self.marked ^= {table.cursor}
            table.cursor += 1
            self._show()

    def action_mark_all(self) -> None:
        """Mark all that no job uses, or none."""
        free = {n for n, item in enumerate(self.items) if not item.in_use}
        self.marked = set() if self.marked == free else free
        self._show()

    @on(RowList.Selected)
    def action_remove(self) -> None:
        """Close with what was marked, else with the one under the cursor."""
        chosen = sorted(self.marked) or [self.query_one(RowList).cursor]
        if self.items and all(self._is_free(n) for n in chosen):
            self.dismiss([self.items[n] for n in chosen])
