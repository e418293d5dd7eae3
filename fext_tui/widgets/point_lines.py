"""The lines of a map of points: its cells in the groups' colours and signs, and the legend."""

from __future__ import annotations

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
        """`base` is the style of empty room; with `signs` a group has one of its own, in place of Braille dots."""
        self.base, self.cursor, self.signs = base, cursor, signs
        self._styles = [base + Style(color=Color.parse(name)) for name in _COLOURS[dark, ansi].split()]

    def style(self, group: int) -> Style:
        """The style of a group."""
        return self._styles[group]

    def mark(self, group: int) -> str:
        """What stands for a group in the legend."""
        return _SIGNS[group] if self.signs else "●"


def cell_line(cells: Cells, y: int, cursor: int | None, ink: Ink) -> Strip:
    """One line of cells; the cursor is in one of them, or not in this line."""
    braille, groups = cells.braille[y].tolist(), cells.group[y].tolist()
    texts = [
        (_SIGNS[group] if ink.signs else chr(code)) if code else " "
        for code, group in zip(braille, groups, strict=True)
    ]
    looks = [group if code else -1 for code, group in zip(braille, groups, strict=True)]
    if cursor is not None:
        texts[cursor], looks[cursor] = _CURSOR_SIGN if ink.signs else _CURSOR, -2
    start, segments = 0, []
    for look, run in groupby(looks):
        end = start + len(list(run))
        style = ink.base if look == -1 else ink.cursor if look == -2 else ink.style(look)
        segments.append(Segment("".join(texts[start:end]), style))
        start = end
    return Strip(segments, len(texts))


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
