"""Choosing a folder by its path, with completion."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from fext_tui.key_names import key_of
from fext_tui.widgets.path_input import PathInput


class OpenFolderDialog(ModalScreen[str | None]):
    """Asks for a folder; the result is its path as typed, empty for the resources' own, None when dismissed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="dialog.cancel"),
    ]

    def __init__(self, title: str, current: str, note: str) -> None:
        super().__init__()
        self._title = title
        self._current = current
        self._note = note

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield PathInput(self._current)
            yield Label(self._note, classes="note", markup=False)
            complete, back = key_of(self.app, "path.complete"), key_of(self.app, "dialog.cancel")
            yield Label(f"{complete} completes, Enter opens, {back} goes back", classes="note", markup=False)

    @on(Input.Submitted)
    def _open(self, event: Input.Submitted) -> None:
        if event.validation_result is None or event.validation_result.is_valid:
            self.dismiss(event.value.strip())
