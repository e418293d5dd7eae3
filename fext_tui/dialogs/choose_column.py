"""Choosing the column that a list is sorted by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from fext_tui.key_names import key_of
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList

COLUMNS = (Column("column", 22), Column("what it holds"))


class ChooseColumnDialog(ModalScreen[str | None]):
    """Lists (name, meaning) pairs; typing narrows them, Enter chooses, Esc goes back. The result is a name or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="dialog.cancel"),
        Binding("down", "move(1)", "Down", show=False, id="choose.down"),
        Binding("up", "move(-1)", "Up", show=False, id="choose.up"),
    ]

    def __init__(self, title: str, columns: Sequence[tuple[str, str]], current: str) -> None:
        super().__init__()
        self._title = title
        self._all = columns
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Input(placeholder="type a part of the name")
            yield RowList(TableRows(COLUMNS, self._all), empty="No column is called so")
            yield Label(f"Enter chooses, {key_of(self.app, 'dialog.cancel')} goes back", classes="note", markup=False)

    def on_mount(self) -> None:
        """Start at the column in use."""
        names = [name for name, _ in self._all]
        self.query_one(RowList).cursor = names.index(self._current) if self._current in names else 0

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        part = event.value.strip().lower()
        if part:
            found = [pair for pair in self._all if part in pair[0]]
            self.query_one(RowList).set_source(TableRows(COLUMNS, found))

    def action_move(self, rows: int) -> None:
        """Move the cursor of the list while the focus stays in the line."""
        self.query_one(RowList).action_move(rows)

    @on(Input.Submitted)
    @on(RowList.Selected)
    def _choose(self) -> None:
        row = self.query_one(RowList).row
        if row is not None:
            self.dismiss(row[0])
