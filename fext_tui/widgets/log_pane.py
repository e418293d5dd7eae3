"""The log: bounded, wrapped, filtered by level, at its tail unless one scrolls up."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from fext_tui.key_names import key_of
from fext_tui.widgets.log_lines import LEVELS, Entry, Line, wrap_entries
from fext_tui.widgets.text import fit, printable

_FLUSH = 0.1  # seconds over which lines are gathered before they are drawn
_LEVEL_CELLS = 8
_LEAST_TEXT = 20  # cells below which the time is left out


class LogPane(ScrollView, can_focus=True):
    """Shows the last `max_lines` entries of at least `level`, with what is searched for marked."""

    DEFAULT_CSS = """
    LogPane {
        width: 1fr;
        height: 1fr;
        background: $surface;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .log-pane--header { background: $panel; color: $text-muted; }
        & > .log-pane--debug, & > .log-pane--time { color: $text-muted; }
        & > .log-pane--info { color: $foreground; }
        & > .log-pane--warning { color: $text-warning; }
        & > .log-pane--error { color: $text-error; text-style: bold; }
        & > .log-pane--match { background: $warning; color: $block-cursor-foreground; }
        & > .log-pane--match-now { background: $accent; color: $block-cursor-foreground; text-style: bold underline; }
        &:focus > .log-pane--header { background: $primary-muted; color: $text; text-style: bold; }
        &:nocolor:focus > .log-pane--header { text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log-pane--header",
        "log-pane--time",
        "log-pane--match",
        "log-pane--match-now",
        *(f"log-pane--{level}" for level in LEVELS),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "f", "next_level", "Log level", id="log.level", tooltip="Show only graver entries, then all again"
        ),
        Binding("n", "next_match(1)", "Next match", show=False, id="log.next-match"),
        Binding("N", "next_match(-1)", "Match before", show=False, id="log.match-before"),
        Binding("j", "scroll_down", "Down", show=False, id="log.down"),
        Binding("k", "scroll_up", "Up", show=False, id="log.up"),
        Binding("g", "scroll_home", "Oldest", show=False, id="log.first"),
        Binding("G", "scroll_end", "Newest", show=False, id="log.last"),
    ]

    level: reactive[str] = reactive("info", init=False)

    def __init__(
        self,
        *,
        max_lines: int = 5000,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the pane; of more than `max_lines` entries the oldest go."""
        super().__init__(name=name, id=id, classes=classes)
        self.max_lines = max_lines
        self._entries: list[Entry] = []
        self._pending: list[Entry] = []
        self._lines: list[Line] = []
        self._wanted: re.Pattern[str] | None = None
        self._match: int | None = None  # the line of the match that was gone to
        self._flush_due = False
        self._following = True

    @property
    def entries(self) -> list[Entry]:
        """All that is kept, whatever the level shown: (seconds since 1970, level, text)."""
        return self._entries + self._pending

    def add(self, level: str, text: str, time: float | None = None) -> None:
        """Add one entry; `time` in seconds since 1970, by default now. It is drawn a moment later."""
        self.add_all([(clock.time() if time is None else time, level, text)])

    def add_all(self, entries: Iterable[Entry]) -> None:
        """Add many entries at the price of one."""
        self._pending += entries
        del self._pending[: -self.max_lines]
        if self.is_mounted and not self._flush_due:
            self._flush_due = True
            self.set_timer(_FLUSH, self.flush)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._pending.clear()
        self._rebuild()

    def on_mount(self) -> None:
        """Show what came before the pane was there."""
        self.flush()

    def on_resize(self, event: Resize) -> None:
        """Wrap again."""
        self._rebuild()

    def watch_level(self) -> None:
        """Show the entries of the other level."""
        self._rebuild()

    def action_next_level(self) -> None:
        """Hide one level more; after errors alone, show everything again."""
        self.level = LEVELS[(LEVELS.index(self.level) + 1) % len(LEVELS)]

    def find(self, text: str) -> None:
        """Mark `text` wherever it is, in letters of either case, and go to the next place; empty: mark nothing."""
        self._wanted = re.compile(re.escape(printable(text)), re.IGNORECASE) if text else None
        self._match = None
        self.action_next_match(1)
        self.refresh()

    @property
    def matches(self) -> list[int]:
        """The lines in which a match begins."""
        if self._wanted is None:
            return []
        return [number for number, line in enumerate(self._lines) if line.begins(self._wanted)]

    def action_next_match(self, step: int) -> None:
        """Go to the next line with a match or the one before, around the end; at first from what is in sight."""
        matches = self.matches
        if not matches:
            self.refresh()
            return
        here = self._match if self._match is not None else self.scroll_offset.y - step
        if step > 0:
            self._match = next((n for n in matches if n > here), matches[0])
        else:
            self._match = next((n for n in reversed(matches) if n < here), matches[-1])
        room = self.size.height - 1
        if not self.scroll_offset.y <= self._match < self.scroll_offset.y + room:
            self.scroll_to(y=max(0, self._match - room // 2), animate=False)
        self.refresh()

    def copy_text(self) -> str | None:
        """The lines in sight."""
        top = self.scroll_offset.y
        return "\n".join(
            f"{line.stamp} {line.text}".strip() for line in self._lines[top : top + self.size.height - 1]
        )

    def on_click(self, event: Click) -> None:
        """A click on the header goes to the next level."""
        if event.y == 0:
            self.action_next_level()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of the search are the screen's while nothing is searched for."""
        return self._wanted is not None if action == "next_match" else True

    def flush(self) -> None:
        """Draw the entries that came since the last time."""
        self._flush_due = False
        if not self._pending:
            return
        fresh, self._pending = self._pending, []
        self._entries += fresh
        if len(self._entries) > self.max_lines + self.max_lines // 10:
            del self._entries[: len(self._entries) - self.max_lines]
            self._rebuild()
        else:
            self._lines += self._wrapped(fresh)
            self._fit()

    def _rebuild(self) -> None:
        before = len(self._lines)
        self._match = None
        del self._entries[: -self.max_lines]
        self._lines = self._wrapped(self._entries)
        self._fit(len(self._lines) - before)

    def _fit(self, moved: int = 0) -> None:
        """Take the height of the lines; stay at the tail, or at the lines in view that `moved` so far down."""
        self.virtual_size = Size(0, len(self._lines) + 1)
        if self._following:
            self.call_after_refresh(self._show_tail)
        elif moved:
            self.scroll_to(y=max(0, self.scroll_offset.y + moved), animate=False)
        self.refresh()

    def _show_tail(self) -> None:
        if self._following:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the tail from when one scrolls down to it until one scrolls up."""
        super().watch_scroll_y(old_value, new_value)
        if (new_value >= self.max_scroll_y) != self._following:
            self._following = not self._following
            self.refresh()

    def _wrapped(self, entries: Iterable[Entry]) -> list[Line]:
        return wrap_entries(entries, self.level, self.size.width - self._indent - 1)

    @property
    def _indent(self) -> int:
        full = 1 + 9 + _LEVEL_CELLS
        return full if self.size.width >= full + _LEAST_TEXT else 1

    def render_line(self, y: int) -> Strip:
        """Return the header or one line of the log."""
        width = self.size.width
        style = self.get_component_rich_style
        if y == 0:
            shown = (
                "all"
                if self.level == LEVELS[0]
                else self.level
                if self.level == LEVELS[-1]
                else f"{self.level}+"
            )
            follow = "" if self._following else f" · {key_of(self.app, 'log.last')} newest"
            found = self._found()
            return Strip(
                [Segment(fit(f" Log · {shown}{found}{follow}", width), style("log-pane--header"))], width
            )
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[index]
        body = style(f"log-pane--{line.level}" if line.level in LEVELS else "log-pane--info")
        before = [Segment(" ", body)]
        if self._indent > 1:
            word = line.level if line.stamp and line.level != "info" else ""
            before = [
                Segment(f" {line.stamp:<9}", style("log-pane--time")),
                Segment(fit(printable(word), _LEVEL_CELLS), body),
            ]
        mark = style("log-pane--match-now" if index == self._match else "log-pane--match")
        text = [Segment(piece, mark if found else body) for piece, found in line.pieces(self._wanted)]
        return Strip([*before, *text]).adjust_cell_length(width, self.rich_style)

    def _found(self) -> str:
        """How many places the search has found, for the header."""
        if self._wanted is None:
            return ""
        matches = self.matches
        at = f"{matches.index(self._match) + 1} of " if self._match in matches else ""
        return f" · {at}{len(matches)} found" if matches else " · not found"
