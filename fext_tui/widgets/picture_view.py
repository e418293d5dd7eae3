"""What part of pictures is seen, and drawing it: several side by side show the same part of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip

from fext_tui.widgets.half_blocks import FRAME_BYTES, Depth, draw_pixels

if TYPE_CHECKING:
    import PIL.Image
    from rich.style import Style

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


def draw_view(
    panels: Sequence[PIL.Image.Image],
    view: View,
    size: tuple[int, int],
    depth: Depth,
    blank: Style,
    *,
    moving: bool = False,
    grey: bool = False,
) -> list[Strip]:
    """Return lines of `size`, (width, height) cells, with the part in `view` of each of `panels` in its place."""
    count, (width, height) = len(panels), size
    if width < count + GAP * (count - 1):
        panels, count = panels[:1], 1
    each = panel_width(width, count)
    budget = FRAME_BYTES // count
    drawn = [
        _draw(p, view, (each, height), depth, blank, moving=moving, grey=grey, frame_bytes=budget)
        for p in panels
    ]
    rest = width - each * count - GAP * (count - 1)
    gap, end = [Segment(" " * GAP, blank)], [Segment(" " * rest, blank)] if rest else []
    lines = []
    for parts in zip(*drawn, strict=True):
        segments = list(parts[0])
        for part in parts[1:]:
            segments += [*gap, *part]
        lines.append(Strip([*segments, *end], width))
    return lines


def _draw(
    image: PIL.Image.Image,
    view: View,
    size: tuple[int, int],
    depth: Depth,
    blank: Style,
    *,
    moving: bool,
    grey: bool,
    frame_bytes: int,
) -> list[Strip]:
    import numpy as np
    from PIL.Image import Resampling

    width, height = size
    scale = view.scale(image.size, width, height)
    across = max(1, min(width, round(image.width * scale)))
    down = max(1, min(height, round(image.height * scale / 2)))
    box = view.clamp(image.size, width, height)
    method = Resampling.NEAREST if scale >= 3 else Resampling.BICUBIC if scale > 1 else Resampling.LANCZOS
    drawn = image.resize((across, 2 * down), method, box=box, reducing_gap=2.0)
    if grey:
        drawn = drawn.convert("L").convert("RGB")
    before, above = (width - across) // 2, (height - down) // 2
    lines = [Strip.blank(width, blank)] * height
    left, right = (Segment(" " * n, blank) for n in (before, width - across - before))
    cells = draw_pixels(np.asarray(drawn), depth, moving=moving, frame_bytes=frame_bytes)
    for row, strip in enumerate(cells, above):
        lines[row] = Strip([left, *strip, right], width)
    return lines
