"""How a contact sheet divides its room into tiles, and the lines of one tile's picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip

from fext_tui.widgets.half_blocks import FRAME_BYTES, draw_pixels
from fext_tui.widgets.pixel_strip import Depth
from fext_tui.widgets.text import fit

if TYPE_CHECKING:
    from rich.style import Style

    from fext_tui.contact_tiles import Tile

_LEAST = (19, 8)  # cells of a tile, with its gap and its name
_MOST = (25, 13)  # so that its picture needs no more than a stored thumbnail has


@dataclass(frozen=True)
class SheetLayout:
    """As many tiles as fit into `width` x `height` cells, as large as they then can be."""

    width: int
    height: int

    @property
    def columns(self) -> int:
        """Tiles in a row."""
        return max(1, self.width // _LEAST[0])

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return max(1, self.height // _LEAST[1])

    @property
    def tile(self) -> tuple[int, int]:
        """Cells of a tile: a column of gap at its left, a line for its name at its bottom, its picture."""
        width, height = self.width // self.columns, self.height // self.rows
        return max(2, min(width, _MOST[0])), max(2, min(height, _MOST[1]))

    @property
    def picture(self) -> tuple[int, int]:
        """Pixels of a tile's picture, (width, height)."""
        return self.tile[0] - 1, 2 * (self.tile[1] - 1)

    @property
    def per_page(self) -> int:
        """Tiles of a page."""
        return self.columns * self.rows


def draw_tile(
    tile: Tile | None, layout: SheetLayout, depth: Depth, styles: tuple[Style, Style], *, grey: bool = False
) -> list[Strip]:
    """Return the lines of a tile's picture, or of its word; None is a tile that is not read yet.

    `styles` are of the empty room and of words. The tiles of a page share the bytes of a frame.
    """
    width, height = layout.tile[0] - 1, layout.tile[1] - 1
    blank, words = styles
    lines = [Strip.blank(width, blank)] * height
    if tile is None or tile.pixels is None:
        word = (tile.word if tile else "·").replace("_", " ")
        lines[height // 2] = Strip([Segment(fit(word.center(width), width), words)], width)
        return lines
    import numpy as np

    pixels = tile.pixels
    if grey:
        pixels = np.repeat(pixels.mean(-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    if len(pixels) % 2:
        pixels = np.concatenate((pixels, pixels[-1:]))
    drawn = draw_pixels(pixels, depth, frame_bytes=FRAME_BYTES // layout.per_page)
    before, above = (width - pixels.shape[1]) // 2, (height - len(drawn)) // 2
    left, right = (Segment(" " * n, blank) for n in (before, width - before - pixels.shape[1]))
    for row, strip in enumerate(drawn, above):
        lines[row] = Strip([left, *strip, right], width)
    return lines
