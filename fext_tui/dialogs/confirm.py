"""A question before something that cannot be taken back."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Label

from fext_tui.key_names import key_of


class ConfirmDialog(ModalScreen[bool]):
    """Asks `question`; the result is whether the person chose `yes`. Escape and `n` mean no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", id="confirm.yes"),
        Binding("n,escape", "dismiss(False)", "No", id="confirm.no"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="confirm.down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="confirm.up"),
        Binding("pagedown", "scroll(10)", "Page down", show=False, id="confirm.page-down"),
        Binding("pageup", "scroll(-10)", "Page up", show=False, id="confirm.page-up"),
        Binding("left", "app.focus_previous", "Button before", show=False, id="buttons.before"),
        Binding("right", "app.focus_next", "Next button", show=False, id="buttons.next"),
    ]

    CSS = """
    ConfirmDialog VerticalScroll { height: auto; max-height: 60vh; }
    ConfirmDialog Label { width: 1fr; height: auto; }
    """

    def __init__(self, title: str, question: str, yes: str) -> None:
        super().__init__()
        self._title = title
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            with VerticalScroll(can_focus=False):
                yield Label(self._question, markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content(f"No ({key_of(self.app, 'confirm.no')})"), id="no")
                yield Button(Content(f"{self._yes} ({key_of(self.app, 'confirm.yes')})"), id="yes", variant="warning")

    def action_scroll(self, lines: int) -> None:
        """Move a long question by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")
