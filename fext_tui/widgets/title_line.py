"""The first line of every screen: the product, its modes, and what the screen is about."""

from __future__ import annotations

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from fext_tui.widgets.text import clip_start

MODES = (("data", "1 Data"), ("model", "2 Model"), ("viewer", "3 Viewer"))


class TitleLine(Widget):
    """The name of the product, the modes with the current one marked, and what the screen is about."""

    subject: reactive[str] = reactive("")

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode

    def set_subject(self, subject: str) -> None:
        """Show `subject` (plain, escaped text) at the right of the modes; of a long one its end."""
        self.subject = subject

    def render(self) -> Text:
        """One line."""
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(" FeXT ", style="bold reverse")
        for mode, label in MODES:
            line.append(f"  {label}", style="bold underline" if mode == self._mode else "")
        line.append("   " + clip_start(self.subject, self.size.width - line.cell_len - 3), style="dim")
        return line
