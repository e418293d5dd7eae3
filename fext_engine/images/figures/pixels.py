"""Figures of pixels: their values per channel, in all images and per class, and mean images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fext_engine.images.figures.style import CHANNELS, class_label
from fext_engine.images.pixel_sums import PixelSum, PixelSums

MAX_PANELS = 20
_CLASS_COLUMNS, _MEAN_COLUMNS = 4, 7


def draw_pixel_distribution(pixels: PixelSum) -> Figure:
    """Share of the pixels at each value of red, green and blue, over all images."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    shares = _shares(pixels.histogram)
    top = _top(shares)
    for (name, colour), share in zip(CHANNELS.items(), shares, strict=True):
        mean = float(share @ np.arange(256) / 100)
        axes.fill_between(range(256), share, color=colour, alpha=0.12, linewidth=0)
        axes.plot(range(256), share, color=colour, linewidth=1.3, label=f"{name}, mean {mean:.0f}")
    axes.set(xlim=(-1, 256), xlabel="pixel value (0-255)", ylabel="share of pixels (%)", ylim=(0, top))
    count = int(pixels.histogram[0].sum())
    axes.set_title(f"Pixel values per channel, {pixels.images:,} images, {count:,} pixels")
    _tell_clipped(axes, shares, top)
    axes.legend(loc="upper center", ncols=3)
    return figure


def draw_class_pixels(classes: Mapping[str, PixelSum]) -> Figure:
    """Share of the pixels at each value per channel, a panel for each of the largest classes."""
    chosen = _largest(classes)
    columns = _even_columns(len(chosen), _CLASS_COLUMNS)
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(3.2 * columns + 0.4, 2.1 * rows + 1.0), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, pixels) in zip(panels, chosen.items(), strict=False):
        shares = _shares(pixels.histogram)
        top = _top(shares)
        for colour, share in zip(CHANNELS.values(), shares, strict=True):
            axes.plot(range(256), share, color=colour, linewidth=1)
        axes.set(xlim=(-1, 256), ylim=(0, top), xticks=(0, 64, 128, 192, 255))
        axes.set_title(f"{class_label(name)}, n = {pixels.images:,}", fontsize=9, loc="left")
        _tell_clipped(axes, shares, top)
    for axes in panels[len(chosen) :]:
        axes.set_visible(False)
    figure.supxlabel("pixel value (0-255)", fontsize=9)
    figure.supylabel("share of pixels (%)", fontsize=9)
    figure.suptitle(f"Pixel values of red, green and blue per class{_how_many(chosen, classes)}", fontsize=11)
    return figure


def draw_mean_images(pixels: PixelSums) -> Figure:
    """The mean of all images, of each side of the split, and of the largest classes."""
    chosen = _largest(pixels.classes) if len(pixels.classes) > 1 else {}
    shown = {"all images": pixels.whole}
    sides = {"train": "training images", "validation": "validation images"}
    shown |= {text: pixels.sides[side] for side, text in sides.items() if side in pixels.sides}
    shown |= {class_label(name): total for name, total in chosen.items()}
    columns = max(3, _even_columns(len(shown), _MEAN_COLUMNS))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(1.75 * columns, 2.1 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, total) in zip(panels, shown.items(), strict=False):
        axes.imshow(total.mean_image, interpolation="bicubic")
        axes.set_title(f"{name}\nn = {total.images:,}", fontsize=8)
    for axes in panels:
        axes.set_axis_off()
    more = _how_many(chosen, pixels.classes) if chosen else ""
    figure.suptitle(f"Mean images, each squeezed to a square{more}", fontsize=11)
    return figure


def _even_columns(panels: int, most: int) -> int:
    """Columns that fill as few rows as `most` columns would, about evenly."""
    rows = -(-panels // most)
    return -(-panels // rows)


def _shares(histogram: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    return np.asarray(histogram / np.maximum(1, histogram.sum(axis=1, keepdims=True)) * 100)


def _top(shares: npt.NDArray[np.float64]) -> float:
    """The axis' end by what lies between the ends of the values: clipped pixels often tower over all else."""
    return max(float(shares[:, 5:-5].max()) * 1.35, 0.01)


def _tell_clipped(axes: Axes, shares: npt.NDArray[np.float64], top: float) -> None:
    for value, side, x in ((0, "left", 4), (255, "right", 251)):
        if (highest := float(shares[:, value].max())) > top:
            axes.text(
                x, top * 0.97, f"{highest:.1f} % at {value}", ha=side, va="top", color="#444444", fontsize=8
            )


def _largest(classes: Mapping[str, PixelSum]) -> dict[str, PixelSum]:
    filled = {name: total for name, total in classes.items() if total.images}
    chosen = sorted(filled, key=lambda name: (-filled[name].images, name))[:MAX_PANELS]
    return {name: filled[name] for name in sorted(chosen)}


def _how_many(chosen: Mapping[str, PixelSum], classes: Mapping[str, PixelSum]) -> str:
    return f"; the {len(chosen)} largest classes" if len(chosen) < len(classes) else ""
