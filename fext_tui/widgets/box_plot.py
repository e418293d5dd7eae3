"""The spread of a measure in each class as a box plot drawn in text, a line a class, on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.text import fit, format_figure, printable


@dataclass(frozen=True, slots=True)
class Box:
    """One line: whiskers from `low` to `high`, a box between the quartiles, a mark at the median."""

    name: str
    n: int
    low: float
    first: float
    median: float
    third: float
    high: float


class BoxPlot(Widget):
    """Shows boxes one below the other; those that find no room are counted in the last line."""

    DEFAULT_CSS = """
    BoxPlot {
        width: 1fr;
        height: 1fr;
        background: $surface;
        & > .box-plot--title { color: $text; text-style: bold; }
        & > .box-plot--quiet { color: $text-muted; }
        & > .box-plot--box { color: $primary; }
        & > .box-plot--median { color: $text; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "box-plot--title", "box-plot--quiet", "box-plot--box", "box-plot--median"
    }  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._boxes: list[Box] = []
        self._title = ""

    def show(self, boxes: Sequence[Box], *, title: str = "") -> None:
        """Show `boxes` from top to bottom; none of them leave the place empty."""
        self._boxes = list(boxes)
        self._title = printable(title)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the title, a box, or the axis with the number of boxes that are not shown."""
        width, height = self.size
        shown = self._boxes[: max(0, height - 2)]
        if not shown or y > len(shown) + 1:
            return Strip.blank(width, self.rich_style)
        if y == 0:
            return self._strip([(self._title, "title")])
        low, high = min(box.low for box in shown), max(box.high for box in shown)
        names = min(max(len(box.name) for box in shown), max(8, width // 4))
        cells = width - names - 3
        if y == len(shown) + 1:
            hidden = len(self._boxes) - len(shown)
            label = fit(f"+{hidden} more" if hidden else "", names)
            return self._strip([(f" {label} {axis(low, high, cells)}", "quiet")])
        box = shown[y - 1]
        line = draw_box(box, low, high, cells)
        parts = [(f" {fit(printable(box.name), names)} ", "quiet")]
        at = line.find("┃")
        if at < 0:
            return self._strip([*parts, (line, "box")])
        return self._strip([*parts, (line[:at], "box"), ("┃", "median"), (line[at + 1 :], "box")])

    def _strip(self, parts: Sequence[tuple[str, str]]) -> Strip:
        segments = [
            Segment(text, self.get_component_rich_style(f"box-plot--{style}")) for text, style in parts
        ]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)


def draw_box(box: Box, low: float, high: float, cells: int) -> str:
    """Return a box as text of `cells` cells for an axis from `low` to `high`: `  ├──███┃██────┤  `."""
    if cells < 1:
        return ""
    span = high - low
    place = [
        round((value - low) / span * (cells - 1)) if span > 0 else 0
        for value in (box.low, box.first, box.median, box.third, box.high)
    ]
    left, first, median, third, right = (min(max(at, 0), cells - 1) for at in place)
    line = [" "] * cells
    line[left : right + 1] = "─" * (right + 1 - left)
    line[left], line[right] = "├", "┤"
    line[first : third + 1] = "█" * (third + 1 - first)
    line[median] = "┃"
    return "".join(line)


def axis(low: float, high: float, cells: int) -> str:
    """Return the ends of an axis of `cells` cells."""
    left, right = format_figure(low), format_figure(high)
    return fit(left + right.rjust(max(len(right) + 1, cells - len(left))), max(0, cells))
