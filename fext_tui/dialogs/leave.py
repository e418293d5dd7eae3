"""The question at quitting while jobs run: leave them on, or stop them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Label
from textual.widgets.button import ButtonVariant

from fext_tui.key_names import key_of

BUTTONS: tuple[tuple[str, str, ButtonVariant], ...] = (
    ("Leave it running", "leave", "primary"), ("Stop and quit", "stop", "warning"), ("Stay", "stay", "default"),
)  # fmt: skip


class LeaveDialog(ModalScreen[str | None]):
    """The result is `leave`, `stop` or None for staying."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,q", "dismiss('leave')", "Leave it running", id="leave.leave"),
        Binding("s", "dismiss('stop')", "Stop it and quit", id="leave.stop"),
        Binding("escape", "dismiss(None)", "Stay", id="leave.stay"),
        Binding("left", "app.focus_previous", "Button before", show=False, id="buttons.before"),
        Binding("right", "app.focus_next", "Next button", show=False, id="buttons.next"),
    ]

    def __init__(self, jobs: Sequence[str]) -> None:
        super().__init__()
        self._jobs = jobs

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Quit FeXT"
            yield Label("Still at work: " + ", ".join(self._jobs), markup=False)
            yield Label(
                "Left running, it goes on without the terminal; the next start of FeXT finds it again.",
                classes="note",
            )
            with Horizontal(classes="buttons"):
                for words, result, variant in BUTTONS:
                    label = Content(f"{words} ({key_of(self.app, f'leave.{result}')})")
                    yield Button(label, id=result, variant=variant)

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        self.dismiss(None if event.button.id == "stay" else event.button.id)
