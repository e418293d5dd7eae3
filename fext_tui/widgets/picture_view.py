"""What part of pictures is seen, and drawing it: several side by side show the same part of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fext_tui.widgets.half_blocks import FRAME_BYTES, draw_pixels
from fext_tui.widgets.pixel_strip import Depth, PixelStrip, blank_strip, join_strips

if TYPE_CHECKING:
    import PIL.Image
    from rich.style import Style

    from fext_tui.widgets.half_blocks import Pixels

GAP = 1
"""Cells between two pictures."""


@dataclass
class View:
    """The visible part of pictures that are all of one size."""

    zoom: float = 1.0
    """How many times larger than fitted."""
    centre: tuple[float, float] = (0.5, 0.5)
    """The middle of the part, as shares of the picture's width and height; kept inside by `clamp`."""

    def scale(self, size: tuple[int, int], width: int, height: int) -> float:
        """Pixels of the terminal a pixel of a picture of `size` takes, in `width` x `height` cells."""
        return min(width / size[0], 2 * height / size[1]) * self.zoom

    def clamp(self, size: tuple[int, int], width: int, height: int) -> tuple[float, float, float, float]:
        """Move the middle so far that the part lies in the picture; return its box in the picture's pixels."""
        scale = self.scale(size, width, height)
        part_width, part_height = min(size[0], width / scale), min(size[1], 2 * height / scale)
        left = min(max(self.centre[0] * size[0] - part_width / 2, 0), size[0] - part_width)
        top = min(max(self.centre[1] * size[1] - part_height / 2, 0), size[1] - part_height)
        self.centre = (left + part_width / 2) / size[0], (top + part_height / 2) / size[1]
        return left, top, left + part_width, top + part_height


def panel_width(width: int, count: int) -> int:
    """Cells that each of `count` pictures side by side has of `width`."""
    return max(1, (width - GAP * (count - 1)) // count)


@dataclass(frozen=True)
class Place:
    """Where pictures are drawn."""

    width: int
    height: int
    """In cells."""
    depth: Depth
    blank: Style
    """Of the cells that no picture covers, as the terminal gets it."""
    grey: bool = False


@dataclass(frozen=True)
class Frame:
    """Lines of `place` that show a part of pictures, and which part: drawn once, in whatever thread."""

    lines: list[PixelStrip]
    place: Place
    zoom: float
    centre: tuple[float, float]
    moving: bool

    def shows(self, place: Place, view: View, moving: bool) -> bool:
        """Whether this is what would be drawn."""
        return (self.place, self.zoom, self.centre, self.moving) == (place, view.zoom, view.centre, moving)


def read_panels(panels: Sequence[Pixels]) -> tuple[PIL.Image.Image, ...]:
    """Return pictures of uint8 (H, W, 3) or (H, W) as `draw_view` takes them; none if one of them is empty."""
    from PIL import Image

    if not all(pixels.size for pixels in panels):
        return ()
    return tuple(Image.fromarray(pixels).convert("RGB") for pixels in panels)


def draw_view(panels: Sequence[PIL.Image.Image], view: View, place: Place, *, moving: bool = False) -> Frame:
    """Draw the part in `view` of each of `panels` side by side; `view` is kept inside of them."""
    count, width = len(panels), place.width
    if width < count + GAP * (count - 1):
        panels, count = panels[:1], 1
    each = panel_width(width, count)
    budget = FRAME_BYTES // count
    drawn = [_draw(p, view, replace(place, width=each), moving=moving, frame_bytes=budget) for p in panels]
    gap = blank_strip(GAP, place.blank, place.depth)
    end = blank_strip(width - each * count - GAP * (count - 1), place.blank, place.depth)
    lines = []
    for parts in zip(*drawn, strict=True):
        beside = [strip for part in parts[1:] for strip in (gap, part)]
        lines.append(join_strips((parts[0], *beside, end)))
    return Frame(lines, place, view.zoom, view.centre, moving)


def _draw(image: PIL.Image.Image, view: View, place: Place, *, moving: bool, frame_bytes: int) -> list[PixelStrip]:
    import numpy as np
    from PIL.Image import Resampling

    width, height = place.width, place.height
    scale = view.scale(image.size, width, height)
    across = max(1, min(width, round(image.width * scale)))
    down = max(1, min(height, round(image.height * scale / 2)))
    box = view.clamp(image.size, width, height)
    method = Resampling.NEAREST if scale >= 3 else Resampling.BICUBIC if scale > 1 else Resampling.LANCZOS
    drawn = image.resize((across, 2 * down), method, box=box, reducing_gap=2.0)
    if place.grey:
        drawn = drawn.convert("L").convert("RGB")
    before, above = (width - across) // 2, (height - down) // 2
    lines = [blank_strip(width, place.blank, place.depth)] * height
    left, right = (blank_strip(n, place.blank, place.depth) for n in (before, width - across - before))
    cells = draw_pixels(np.asarray(drawn), place.depth, moving=moving, frame_bytes=frame_bytes)
    for row, strip in enumerate(cells, above):
        lines[row] = join_strips((left, strip, right))
    return lines
