"""The log with a line to search it: `/` opens the line, Enter goes to the first place, Esc ends the search."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from fext_tui.key_names import key_of
from fext_tui.widgets.log_pane import LogPane


class LogView(Vertical):
    """A log pane and, while one searches, an input line below it."""

    DEFAULT_CSS = """
    LogView {
        & > Input { height: 1; border: none !important; padding: 0 1; background: $panel; display: none; }
        &.-searching > Input { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", id="log.search"),
        Binding("escape", "end_search", "End search", id="log.end-search"),
    ]

    def compose(self) -> ComposeResult:
        yield LogPane()
        ends = f"{key_of(self.app, 'log.end-search')} ends"
        yield Input(placeholder=f"search the log, Enter finds, {ends}", select_on_focus=True)

    @property
    def pane(self) -> LogPane:
        """The log itself."""
        return self.query_one(LogPane)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the search's while there is one."""
        return self.has_class("-searching") if action == "end_search" else True

    def action_search(self) -> None:
        """Open the line and go to it."""
        self.add_class("-searching")
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _find(self, event: Input.Submitted) -> None:
        event.stop()
        self.pane.find(event.value)
        if event.value:
            self.pane.focus()
        else:
            self.action_end_search()

    def action_end_search(self) -> None:
        """Close the line and take the marks away."""
        self.remove_class("-searching")
        self.pane.find("")
        self.pane.focus()
        self.refresh_bindings()
