"""What stands in the terminal while the first screen loads: painted before anything else is imported."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from fext_tui.widgets.title_line import TitleLine


class OpeningScreen(Screen[None]):
    """The title line and a word; gives way to the screen of `mode` right after its own first paint."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode

    def compose(self) -> ComposeResult:
        yield TitleLine(self._mode)
        yield Static(" Opening…")

    def on_mount(self) -> None:
        """Wait for the paint."""
        self.call_after_refresh(self._give_way)

    async def _give_way(self) -> None:
        if self.is_current:  # no key was faster
            await self.app.switch_mode(self._mode)
