"""The frame of a dialog with a list or a text: its title, its keys in the last line, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, ScreenResultType

from fext_tui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from fext_tui.app import FextApp


class Dialog(ModalScreen[ScreenResultType]):
    """A child names its `HEADING` and composes its content in `compose_content`."""

    HEADING: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", id="dialog.close"),
        Binding(
            "y,ctrl+y", "app.copy", "Copy", id="copy", tooltip="Copy the path or value where the focus is"
        ),
        Binding("question_mark", "app.help", "Help", id="help", key_display="?", show=False),
    ]

    app: FextApp

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self.HEADING
            yield from self.compose_content()
            yield KeyLine()

    def compose_content(self) -> ComposeResult:
        """Yield the dialog's own widgets."""
        raise NotImplementedError
