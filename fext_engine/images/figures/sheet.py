"""A figure of many small plots: lines and areas by Agg, words by Pillow, no Axes, which cost more than measuring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib import get_data_path
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D, Bbox
from PIL import Image, ImageDraw, ImageFont

from fext_engine.images.figures.panel import Panel
from fext_engine.images.figures.style import EDGE, GRID, INK

Align = Literal["left", "middle", "right"]
Word = tuple[float, float, str]

CAPITAL = 0.73
"""Height of a capital letter of the font, in its sizes."""
_SCALE = 110 / 72  # pixels a point
_GAP = 4.0  # points between a panel and what names its ticks
_ANCHORS = {"left": "ls", "middle": "ms", "right": "rs"}


class Sheet:
    """A figure whose places and sizes are points, 1/72 inch, from its lower left corner.

    Lines, areas and dots that are drawn later lie above; words and pictures lie above all of them.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        size = round(width * _SCALE), round(height * _SCALE)
        self._renderer: Any = RendererAgg(*size, 72 * _SCALE)  # type: ignore[no-untyped-call]
        self._to_pixels = Affine2D().scale(_SCALE)
        self._words: list[tuple[Word, float, Align, str]] = []
        self._pictures: list[tuple[Panel, npt.NDArray[np.uint8]]] = []
        self.areas([[(0, 0), (width, 0), (width, height), (0, height)]], "#ffffff")

    def lines(
        self, lines: Iterable[npt.ArrayLike], colour: str | Sequence[str], width: float = 1.0,
        dashed: bool = False, within: Panel | None = None,
    ) -> None:  # fmt: skip
        """Draw lines of (n, 2) points each, of one colour or a colour each, cut off at the edges of `within`."""
        pen = self._pen(width, within)
        if dashed:
            pen.set_dashes(0, [3.7 * width, 1.6 * width])
        for line, name in zip(lines, _each(colour), strict=False):
            pen.set_foreground(name)
            self._renderer.draw_path(pen, Outline(line), self._to_pixels)

    def areas(
        self, polygons: Iterable[npt.ArrayLike], colour: str | Sequence[str], alpha: float = 1.0,
        edge: str = "", within: Panel | None = None,
    ) -> None:  # fmt: skip
        """Fill polygons of (n, 2) points each, of one colour or a colour each; `edge` is the outline's colour."""
        pen = self._pen(0.8 if edge else 0, within)
        pen.set_alpha(alpha)
        pen.set_foreground(edge or "none")
        for polygon, name in zip(polygons, _each(colour), strict=False):
            corners = np.asarray(polygon)
            outline = Outline(np.concatenate([corners, corners[:1]]), closed=True)
            self._renderer.draw_path(pen, outline, self._to_pixels, (*to_rgb(name), alpha))

    def dots(self, places: npt.ArrayLike, diameter: float, colour: str, alpha: float = 1.0) -> None:
        """Draw dots at (n, 2) points."""
        pen = self._pen(0)
        pen.set_alpha(alpha)
        size = Affine2D().scale(diameter / 2 * _SCALE)
        self._renderer.draw_markers(
            pen, Outline.unit_circle(), size, Outline(places), self._to_pixels, (*to_rgb(colour), alpha)
        )

    def picture(self, panel: Panel, pixels: npt.NDArray[np.uint8]) -> None:
        """Fill a panel with uint8 (H, W, 3) RGB pixels, smoothly enlarged."""
        self._pictures.append((panel, pixels))

    def words(self, words: Iterable[Word], size: float = 9, align: Align = "left", colour: str = INK) -> None:
        """Write texts at points of their base lines."""
        self._words += [(word, size, align, colour) for word in words if word[2]]

    def title(self, text: str, size: float = 11) -> None:
        """Write centred lines of text at the top."""
        top = self.height - 6 - CAPITAL * size
        lines = enumerate(text.split("\n"))
        self.words([(self.width / 2, top - i * 1.3 * size, line) for i, line in lines], size, "middle")

    def frame(self, panels: Sequence[Panel], size: float = 8, rows: bool = False) -> None:
        """Draw the left and lower edges of panels, a grid at their ticks, and the ticks' names.

        `rows` are panels whose left ticks name rows, without a grid between these.
        """
        grid: list[npt.ArrayLike] = []
        for panel in panels:
            for value, text in panel.x.ticks:
                x = float(panel.place(value, panel.y.low)[0])
                grid.append([(x, panel.bottom), (x, panel.top)])
                self.words([(x, panel.bottom - _GAP - CAPITAL * size, text)], size, "middle")
            for value, text in panel.y.ticks:
                y = float(panel.place(panel.x.low, value)[1])
                if not rows:
                    grid.append([(panel.left, y), (panel.right, y)])
                self.words([(panel.left - _GAP, y - CAPITAL * size / 2, text)], size, "right")
        self.lines(grid, GRID, 0.8)
        self.lines([[(p.left, p.top), (p.left, p.bottom), (p.right, p.bottom)] for p in panels], EDGE, 0.8)

    def caption(self, panel: Panel, title: str, unit: str, size: float = 10, below: float = 23) -> None:
        """Write a panel's title above its left end, and `below` it what its values are."""
        self.words([(panel.left, panel.top + 6, title)], size)
        self.words([((panel.left + panel.right) / 2, panel.bottom - below, unit)], 9, "middle")

    def legend(self, y: float, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Write names beside marks, in a centred row.

        A mark is what `areas` (with `alpha`) or `lines` take beside their places.
        """
        sample, near, far = 20.0, 5.0, 18.0
        widths = [sample + near + text_width([text], 9) + far for text, _ in entries]
        left, middle = (self.width - sum(widths) + far) / 2, y + CAPITAL * 9 / 2
        for (text, mark), width in zip(entries, widths, strict=True):
            right, low, high = left + sample, middle - 3.2, middle + 3.2
            if "alpha" in mark:
                self.areas([[(left, low), (right, low), (right, high), (left, high)]], **mark)
            else:
                self.lines([[(left, middle), (right, middle)]], **mark)
            self.words([(right + near, y, text)])
            left += width

    def upright(self, x: float, y: float, text: str) -> None:
        """Write a text from below upwards, centred at a point."""
        width, height = round(text_width([text], 9) * _SCALE) + 2, round(14 * _SCALE)
        picture = Image.new("RGB", (width, height), "white")
        ImageDraw.Draw(picture).text((width / 2, height / 2), text, INK, _font(9), "mm")
        turned = np.asarray(picture.transpose(Image.Transpose.ROTATE_90))
        across, up = height / _SCALE, width / _SCALE
        self.picture(Panel(x - across / 2, y - up / 2, across, up), turned)

    def save(self, path: Path) -> None:
        """Write the figure as a PNG file without transparency: smaller and quicker to write than with it."""
        image = Image.fromarray(np.asarray(self._renderer.buffer_rgba())).convert("RGB")
        pen, bottom = ImageDraw.Draw(image), self.height * _SCALE
        for panel, pixels in self._pictures:
            size = round(panel.width * _SCALE), round(panel.height * _SCALE)
            enlarged = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
            image.paste(enlarged, (round(panel.left * _SCALE), round(bottom - panel.top * _SCALE)))
        for (x, y, text), points, align, colour in self._words:
            pen.text((x * _SCALE, round(bottom - y * _SCALE)), text, colour, _font(points), _ANCHORS[align])
        image.save(path, format="PNG", compress_level=3, dpi=(72 * _SCALE, 72 * _SCALE))

    def _pen(self, width: float, within: Panel | None = None) -> GraphicsContextBase:
        pen: GraphicsContextBase = self._renderer.new_gc()
        pen.set_linewidth(width)
        if within is not None:
            box = within.left, within.bottom, within.width, within.height
            pen.set_clip_rectangle(Bbox.from_bounds(*(side * _SCALE for side in box)))
        return pen


def text_width(texts: Iterable[str], size: float) -> float:
    """The width of the longest of some texts, in points."""
    return max((_font(size).getlength(text) for text in texts), default=0.0) / _SCALE


def _each(colour: str | Sequence[str]) -> Iterable[str]:
    return cycle([colour] if isinstance(colour, str) else colour)


@cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size * _SCALE)
