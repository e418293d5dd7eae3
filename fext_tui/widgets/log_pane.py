"""The log: bounded, wrapped, filtered by level, at its tail unless one scrolls up."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from fext_tui.widgets.text import fit, printable, wrap_cells

LEVELS = ("debug", "info", "warning", "error")
_FLUSH = 0.1  # seconds over which lines are gathered before they are drawn
_LEVEL_CELLS = 8
_LEAST_TEXT = 20  # cells below which the time is left out

Entry = tuple[float, str, str]  # seconds since 1970, level, text


class LogPane(ScrollView, can_focus=True):
    """Shows the last `max_lines` entries of at least `level`; `f` goes to the next level."""

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
        &:focus > .log-pane--header { background: $primary-muted; color: $text; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log-pane--header",
        "log-pane--time",
        *(f"log-pane--{level}" for level in LEVELS),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "next_level", "Log level", id="log.level"),
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
        self._lines: list[tuple[str, str, str]] = []  # time, level, text: one a line of the terminal
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

    def _wrapped(self, entries: Iterable[Entry]) -> list[tuple[str, str, str]]:
        lowest = LEVELS.index(self.level)
        room = self.size.width - self._indent - 1
        lines = []
        for time, level, text in entries:
            if (LEVELS.index(level) if level in LEVELS else 1) < lowest:
                continue
            stamp = clock.strftime("%H:%M:%S", clock.localtime(time))
            for paragraph in text.splitlines() or [""]:
                for line in wrap_cells(printable(paragraph), room):
                    lines.append((stamp, level, line))
                    stamp = ""
        return lines

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
            follow = "" if self._following else " · G newest"
            return Strip([Segment(fit(f" Log · {shown}{follow}", width), style("log-pane--header"))], width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        stamp, level, text = self._lines[index]
        body = style(f"log-pane--{level}" if level in LEVELS else "log-pane--info")
        if self._indent == 1:
            return Strip([Segment(fit(" " + text, width), body)], width)
        word = level if stamp and level != "info" else ""
        segments = [
            Segment(f" {stamp:<9}", style("log-pane--time")),
            Segment(fit(printable(word), _LEVEL_CELLS), body),
            Segment(text, body),
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
