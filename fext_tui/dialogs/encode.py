"""What to encode: a folder, and whether the last encoding of it takes in what changed."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from fext_tui.key_names import key_of
from fext_tui.widgets.path_input import PathInput

NOTE = (
    "Encodes every image below this folder into database/inference. Nothing is done where that was encoded "
    "already and no file changed; what was stopped goes on."
)


class EncodeRequest(NamedTuple):
    """The folder as typed, empty for the one offered, and whether its last encoding is brought up to date."""

    folder: str
    update: bool


class EncodeDialog(ModalScreen[EncodeRequest | None]):
    """Asks for a folder; the result is None when dismissed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "change_update", "Update or new", id="encode.update",
                tooltip="Whether changed files make a new encoding, or go into the last one"),
        Binding("escape", "dismiss(None)", "Cancel", id="dialog.cancel"),
    ]  # fmt: skip

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current
        self.update_last = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Encode a folder"
            yield PathInput(self._current)
            yield Label(self._words, id="changed", markup=False)
            yield Label(NOTE, classes="note", markup=False)
            complete, back = key_of(self.app, "path.complete"), key_of(self.app, "dialog.cancel")
            yield Label(f"{complete} completes, Enter encodes, {back} goes back", classes="note", markup=False)

    @property
    def _words(self) -> str:
        what = "go into the last encoding" if self.update_last else "make a new encoding"
        other = "a new one" if self.update_last else "the last one"
        return f"If files changed, they {what}  ({key_of(self.app, 'encode.update')}: {other})"

    def action_change_update(self) -> None:
        """Change between an update of the last encoding and a new one."""
        self.update_last = not self.update_last
        self.query_one("#changed", Label).update(self._words)

    @on(Input.Submitted)
    def _encode(self, event: Input.Submitted) -> None:
        if event.validation_result is None or event.validation_result.is_valid:
            self.dismiss(EncodeRequest(event.value.strip(), self.update_last))
