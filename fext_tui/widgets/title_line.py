"""The first line of every screen: the product, its modes, and what the screen is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from fext_tui.widgets.text import clip_start, fit

if TYPE_CHECKING:
    from textual import events

    from fext_tui.app import FextApp

MODES = (("data", "Data"), ("model", "Model"), ("viewer", "Viewer"))


class TitleLine(Widget):
    """The name of the product, the modes with the current one marked, and what the screen is about."""

    app: FextApp
    subject: reactive[str] = reactive("")

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode
        self._spans: dict[str, tuple[int, int]] = {}  # the cells of each action

    def set_subject(self, subject: str) -> None:
        """Show `subject` (plain, escaped text) at the right of the modes; of a long one its end."""
        self.subject = subject

    async def on_click(self, event: events.Click) -> None:
        """A click on a mode goes there, one on the last words opens the help."""
        for action, (start, end) in self._spans.items():
            if start <= event.x < end:
                await self.app.run_action(action)

    def render(self) -> Text:
        """One line."""
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(" FeXT ", style="bold reverse")
        for mode, name in MODES:
            label = f"{self.app.key(f'mode.{mode}')} {name}"
            line.append("  ")
            line.append(label, style="bold underline" if mode == self._mode else "")
            self._spans[f"switch_mode('{mode}')"] = (line.cell_len - cell_len(label), line.cell_len)
        hint = f" {self.app.key('help')} help "
        room = self.size.width - line.cell_len - cell_len(hint)
        if room >= 0:
            line.append(fit("   " + clip_start(self.subject, room - 4), room))
            self._spans["help"] = (line.cell_len, self.size.width)
            line.append(hint)
        return line
