"""The entries of a log as the lines that a terminal shows, and the places in them that a search has found."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fext_tui.widgets.text import printable, wrap_cells

LEVELS = ("debug", "info", "warning", "error")

Entry = tuple[float, str, str]  # seconds since 1970, level, text


class Line(NamedTuple):
    """One line of the terminal: `text` is the part of `paragraph` from `start` on."""

    stamp: str
    level: str
    text: str
    paragraph: str
    start: int

    def begins(self, wanted: re.Pattern[str]) -> bool:
        """Whether a match begins in this line."""
        return any(0 <= m.start() - self.start < len(self.text) for m in wanted.finditer(self.paragraph))

    def pieces(self, wanted: re.Pattern[str] | None) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether it matches; matches that the line's end has cut in two included."""
        at = 0
        for match in wanted.finditer(self.paragraph) if wanted is not None else ():
            start, end = (max(0, min(len(self.text), place - self.start)) for place in match.span())
            if start < end:
                yield self.text[at:start], False
                yield self.text[start:end], True
                at = end
        yield self.text[at:], False


def wrap_entries(entries: Iterable[Entry], level: str, room: int) -> list[Line]:
    """The lines, at most `room` cells wide, of the entries of at least `level`."""
    lowest = LEVELS.index(level)
    lines = []
    for moment, of_entry, text in entries:
        if (LEVELS.index(of_entry) if of_entry in LEVELS else 1) < lowest:
            continue
        stamp = time.strftime("%H:%M:%S", time.localtime(moment))
        for paragraph in text.splitlines() or [""]:
            shown, start = printable(paragraph), 0
            for part in wrap_cells(shown, room):
                start = shown.index(part, start)
                lines.append(Line(stamp, of_entry, part, shown, start))
                start += len(part)
                stamp = ""
    return lines
