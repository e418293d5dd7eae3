"""The lines of a map of points: its cells in the groups' colours and signs, and the legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from fext_tui.widgets.text import printable

if TYPE_CHECKING:
    from fext_tui.latent_map import Colouring
    from fext_tui.widgets.point_cells import Cells

# Of ten groups and of the rest: apart from each other, and read on dark or light paper; among a terminal's own
# sixteen colours there are fewer of those, so that the signs tell the groups apart.
_COLOURS = {
    (True, False): "#5fafff #ffaf5f #87d787 #ff8787 #d787ff #ffff5f #5fd7d7 #ffafd7 #afaf5f #ffffff #949494",
    (False, False): "#005faf #af5f00 #008700 #d70000 #8700af #5f5f00 #005f5f #d7005f #5f0000 #000000 #6c6c6c",
    (True, True): "bright_cyan bright_yellow bright_green bright_red bright_magenta bright_white cyan yellow green "
    "white default",
    (False, True): "blue red magenta black blue red magenta black blue red default",
}
_SIGNS = "+*#@%&=~^:."
_CURSOR, _CURSOR_SIGN = "◆", "X"


class Ink:
    """How the groups of a map look on a terminal."""

    def __init__(self, base: Style, cursor: Style, *, dark: bool, ansi: bool, signs: bool) -> None:
        """`base` is the style of empty room; with `signs` a group has one of its own, in place of half blocks."""
        self.base, self.cursor, self.signs = base, cursor, signs
        self._styles = [base + Style(color=Color.parse(name)) for name in _COLOURS[dark, ansi].split()]

    def style(self, group: int) -> Style:
        """The style of a group; that of empty room for -1."""
        return self._styles[group] if group >= 0 else self.base

    def mark(self, group: int) -> str:
        """What stands for a group in the legend."""
        return _SIGNS[group] if self.signs else "●"


def cell_line(cells: Cells, y: int, cursor: int | None, ink: Ink) -> Strip:
    """One line of cells; the cursor is in one of them, or not in this line."""
    if ink.signs:
        shown = [(group, group) for group in cells.whole[y].tolist()]
    else:
        shown = list(zip(cells.halves[2 * y].tolist(), cells.halves[2 * y + 1].tolist(), strict=True))
    if cursor is None:
        return Strip(_segments(shown, ink), len(shown))
    here = Segment(_CURSOR_SIGN if ink.signs else _CURSOR, ink.cursor)
    return Strip([*_segments(shown[:cursor], ink), here, *_segments(shown[cursor + 1 :], ink)], len(shown))


def _segments(shown: Sequence[tuple[int, int]], ink: Ink) -> Iterator[Segment]:
    """Cells by the groups of their halves."""
    for (over, under), run in groupby(shown):
        count = len(list(run))
        if over == under:
            text = " " if over < 0 else _SIGNS[over] if ink.signs else "█"
            yield Segment(text * count, ink.style(over))
        elif under < 0:
            yield Segment("▀" * count, ink.style(over))
        elif over < 0:
            yield Segment("▄" * count, ink.style(under))
        else:
            yield Segment("▀" * count, ink.style(over) + Style(bgcolor=ink.style(under).color))


def legend_line(colouring: Colouring, width: int, words: Style, ink: Ink) -> Strip:
    """What the colours tell: as many groups as there is room for."""
    segments = [Segment(f" {colouring.name}", words)]
    for group, (label, count) in enumerate(colouring.groups):
        segments += [
            Segment(f"  {ink.mark(group)} ", ink.style(group)),
            Segment(f"{printable(label)} {count:,}", words),
        ]
    line = Strip(segments)
    if line.cell_length > width:
        line = Strip([*line.crop(0, width - 1), Segment("…", words)])
    return line.adjust_cell_length(width, ink.base)
