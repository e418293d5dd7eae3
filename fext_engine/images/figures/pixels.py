"""Figures of pixels: their values per channel, in all images and per class, and mean images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fext_engine.images.figures.panel import Floats, Panel, Scale, linear
from fext_engine.images.figures.sheet import CAPITAL, Sheet
from fext_engine.images.figures.style import CHANNELS, class_label
from fext_engine.images.pixel_sums import PixelSum, PixelSums

MAX_PANELS = 20
_CLASS_COLUMNS, _MEAN_COLUMNS = 4, 7
_VALUES = np.arange(256)


def draw_pixel_distribution(pixels: PixelSum) -> Sheet:
    """Share of the pixels at each value of red, green and blue, over all images."""
    sheet = Sheet(648, 324)
    shares = _shares(pixels.histogram)
    panel = Panel(44, 38, sheet.width - 58, sheet.height - 64, linear(-1, 256, 6), linear(0, _top(shares), 8))
    curves = [panel.place(_VALUES, share) for share in shares]
    sheet.frame([panel], 9)
    for colour, curve in zip(CHANNELS.values(), curves, strict=True):
        ends = panel.place([255, 0], [0, 0])
        sheet.areas([np.concatenate([curve, ends])], colour, 0.12, within=panel)
    sheet.lines(curves, tuple(CHANNELS.values()), 1.3, within=panel)
    count = int(pixels.histogram[0].sum())
    sheet.title(f"Pixel values per channel, {pixels.images:,} images, {count:,} pixels", 10)
    _tell_clipped(sheet, panel, shares)
    sheet.caption(panel, "", "pixel value (0-255)", below=27)
    sheet.upright(11, panel.bottom + panel.height / 2, "share of pixels (%)")
    means = (share @ _VALUES / 100 for share in shares)
    sheet.legend(
        panel.top - 16,
        [
            (f"{name}, mean {mean:.0f}", {"colour": colour, "width": 1.3})
            for (name, colour), mean in zip(CHANNELS.items(), means, strict=True)
        ],
    )
    return sheet


def draw_class_pixels(classes: Mapping[str, PixelSum]) -> Sheet:
    """Share of the pixels at each value per channel, a panel for each of the largest classes."""
    chosen = _largest(classes)
    columns = _even_columns(len(chosen), _CLASS_COLUMNS)
    across, down, head = 230, 151, 30
    sheet = Sheet(columns * across + 29, -(-len(chosen) // columns) * down + head + 22)
    values = Scale(-1, 256, ticks=[(value, str(value)) for value in (0, 64, 128, 192, 255)])
    panels = []
    for i, (name, pixels) in enumerate(chosen.items()):
        row, column = divmod(i, columns)
        shares = _shares(pixels.histogram)
        panel = Panel(
            column * across + 46, sheet.height - head - row * down - 128, across - 38, 110, values,
            linear(0, _top(shares), 5),
        )  # fmt: skip
        panels.append((panel, f"{class_label(name)}, n = {pixels.images:,}"))
    sheet.frame([panel for panel, _ in panels])
    for (panel, name), pixels in zip(panels, chosen.values(), strict=True):
        sheet.caption(panel, name, "", 9)
        shares = _shares(pixels.histogram)
        curves = [panel.place(_VALUES, share) for share in shares]
        sheet.lines(curves, tuple(CHANNELS.values()), within=panel)
        _tell_clipped(sheet, panel, shares)
    sheet.words([(sheet.width / 2, 9, "pixel value (0-255)")], 9, "middle")
    sheet.upright(10, sheet.height / 2, "share of pixels (%)")
    sheet.title(f"Pixel values of red, green and blue per class{_how_many(chosen, classes)}")
    return sheet


def draw_mean_images(pixels: PixelSums) -> Sheet:
    """The mean of all images, of each side of the split, and of the largest classes."""
    chosen = _largest(pixels.classes) if len(pixels.classes) > 1 else {}
    shown = {"all images": pixels.whole}
    sides = {"train": "training images", "validation": "validation images"}
    shown |= {text: pixels.sides[side] for side, text in sides.items() if side in pixels.sides}
    shown |= {class_label(name): total for name, total in chosen.items()}
    columns = max(3, _even_columns(len(shown), _MEAN_COLUMNS))
    side, down, size = 120, 154, 8
    sheet = Sheet(columns * (side + 6) + 6, -(-len(shown) // columns) * down + 32)
    named = []
    for i, (name, total) in enumerate(shown.items()):
        row, column = divmod(i, columns)
        panel = Panel(6 + column * (side + 6), sheet.height - 28 - (row + 1) * down + 8, side, side)
        sheet.picture(panel, total.mean_image)
        middle = panel.left + side / 2
        named += [(middle, panel.top + 15, name), (middle, panel.top + 5, f"n = {total.images:,}")]
    sheet.words(named, size, "middle")
    more = _how_many(chosen, pixels.classes) if chosen else ""
    sheet.title(f"Mean images, each squeezed to a square{more}")
    return sheet


def _even_columns(panels: int, most: int) -> int:
    """Columns that fill as few rows as `most` columns would, about evenly."""
    rows = -(-panels // most)
    return -(-panels // rows)


def _shares(histogram: npt.NDArray[np.uint64]) -> Floats:
    return np.asarray(histogram / np.maximum(1, histogram.sum(axis=1, keepdims=True)) * 100)


def _top(shares: Floats) -> float:
    """The axis' end by what lies between the ends of the values: clipped pixels often tower over all else."""
    return max(float(shares[:, 5:-5].max()) * 1.35, 0.01)


def _tell_clipped(sheet: Sheet, panel: Panel, shares: Floats) -> None:
    size = 8
    y = panel.top - 2 - CAPITAL * size
    if (highest := float(shares[:, 0].max())) > panel.y.high:
        sheet.words([(float(panel.place(4, 0)[0]), y, f"{highest:.1f} % at 0")], size, "left", "#444444")
    if (highest := float(shares[:, 255].max())) > panel.y.high:
        sheet.words([(float(panel.place(251, 0)[0]), y, f"{highest:.1f} % at 255")], size, "right", "#444444")


def _largest(classes: Mapping[str, PixelSum]) -> dict[str, PixelSum]:
    filled = {name: total for name, total in classes.items() if total.images}
    chosen = sorted(filled, key=lambda name: (-filled[name].images, name))[:MAX_PANELS]
    return {name: filled[name] for name in sorted(chosen)}


def _how_many(chosen: Mapping[str, PixelSum], classes: Mapping[str, PixelSum]) -> str:
    return f"; the {len(chosen)} largest classes" if len(chosen) < len(classes) else ""
