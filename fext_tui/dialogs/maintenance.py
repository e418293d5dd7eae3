"""Maintenance: logs, caches, jobs, runs and encodings with their sizes, removed after a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from fext_engine.errors import FextError
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.dialogs.dialog import Dialog
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import format_bytes

if TYPE_CHECKING:
    from fext_engine.maintenance import Removable

COLUMNS = (Column("what", 9), Column("name", None), Column("size", 10, "right"), Column("used by", 12))


class Measured(Message):
    """A worker has added up what there is to remove."""

    def __init__(self, items: list[Removable]) -> None:
        super().__init__()
        self.items = items


class MaintenanceDialog(Dialog[None]):
    """What takes room in the resources folder, and removing it."""

    HEADING = "Maintenance"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("M", "dismiss(None)", "Close", show=False, id="maintenance.close"),
        Binding("d,delete", "remove", "Remove", id="maintenance.remove", tooltip="Remove the chosen one"),
        Binding("c", "clear('cache')", "Clear caches", id="maintenance.caches"),
        Binding("l", "clear('log')", "Remove logs", id="maintenance.logs"),
    ]

    def compose_content(self) -> ComposeResult:
        yield RowList(id="removable", empty="Adding up…")
        yield Static("", id="total", markup=False)

    def on_mount(self) -> None:
        self.items: list[Removable] = []
        self.query_one(RowList).focus()
        self._measure()

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _measure(self) -> None:
        from fext_engine.maintenance import removable

        self.post_message(Measured(removable(self.app.workspace)))

    def on_measured(self, message: Measured) -> None:
        """Show what was found, the largest first."""
        self.items = sorted(message.items, key=lambda item: item.bytes, reverse=True)
        rows = [(item.kind, item.name, format_bytes(item.bytes), item.in_use) for item in self.items]
        table = self.query_one(RowList)
        table.empty = "There is nothing to remove."
        paths = [str(item.path) for item in self.items]
        table.set_source(TableRows(COLUMNS, rows, paths), cursor=table.cursor)
        total = format_bytes(sum(item.bytes for item in self.items))
        self.query_one("#total", Static).update(f"{total} in {self.app.workspace.root}")

    def action_remove(self) -> None:
        """Remove the highlighted item, after a question."""
        index = self.query_one(RowList).cursor
        if index >= len(self.items):
            return
        item = self.items[index]
        if item.in_use:
            words = f"Job {item.in_use} uses it: stop the job first ({self.app.key('jobs')} lists them)."
            self.notify(words, severity="warning", markup=False)
        else:
            self._ask([item])

    def action_clear(self, kind: str) -> None:
        """Remove all items of a kind that no job uses, after a question."""
        items = [item for item in self.items if item.kind == kind and not item.in_use]
        if items:
            self._ask(items)
        else:
            self.notify(f"There is no {kind} to remove.")

    def _ask(self, items: list[Removable]) -> None:
        shown = "\n".join(f"{item.path}  {format_bytes(item.bytes)}" for item in items[:12])
        more = f"\nand {len(items) - 12} more" if len(items) > 12 else ""

        def remove_them(sure: bool | None) -> None:
            if sure:
                self._remove(items)

        self.app.push_screen(ConfirmDialog("Remove for good", f"{shown}{more}", "Remove"), remove_them)

    @work(thread=True, exit_on_error=False)
    def _remove(self, items: list[Removable]) -> None:
        from fext_engine.maintenance import removable, remove

        try:
            freed = remove(self.app.workspace, items)
            self.app.notify(f"{format_bytes(freed)} freed.")
        except FextError as error:
            self.app.notify(str(error), title="Maintenance", severity="error", markup=False)
        self.post_message(Measured(removable(self.app.workspace)))
