"""Choosing an image file by its path, to search for images like it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from fext_engine.images.scan import is_image_name
from fext_tui.key_names import key_of
from fext_tui.widgets.path_input import PathInput


class OpenImageDialog(ModalScreen[Path | None]):
    """Asks for an image file; the result is its path, None when dismissed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="dialog.cancel"),
    ]

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Images like a file"
            yield PathInput(placeholder="path of an image", accepts=is_image_name)
            note = f"What is most like it in {self._encoding} is listed; a file that was not encoded takes a job."
            yield Label(note, classes="note", markup=False)
            complete, back = key_of(self.app, "path.complete"), key_of(self.app, "dialog.cancel")
            yield Label(f"{complete} completes, Enter searches, {back} goes back", classes="note", markup=False)

    @on(Input.Submitted)
    def _open(self) -> None:
        if (path := self.query_one(PathInput).path) is not None:
            self.dismiss(path.absolute())
