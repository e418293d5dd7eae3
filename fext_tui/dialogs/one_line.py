"""Asking for one line of text: a new name, a note."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from fext_tui.key_names import key_of


class OneLineDialog(ModalScreen[str | None]):
    """Asks for a line, with `text` in it at first; the result is the line, or None when dismissed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", id="one-line.cancel")]

    def __init__(self, title: str, text: str, note: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._note = note

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Input(self._text, select_on_focus=False)
            yield Label(self._note, classes="note", markup=False)
            back = key_of(self.app, "one-line.cancel")
            yield Label(f"Enter keeps it, {back} goes back", classes="note", markup=False)

    @on(Input.Submitted)
    def _keep(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())
