"""Curves drawn in cells, with axes and their ticks, by plotext."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.style import Style
from rich.text import Text

from fext_tui.widgets.axis import Points, log_ticks, nice_ticks, thin
from fext_tui.widgets.text import format_figure

Colour = str | int | tuple[int, ...]
"""As plotext knows it: `default`, a number of 256, or RGB."""


@dataclass(frozen=True)
class Curve:
    """Points to draw, at least one; `marker` is plotext's `hd` or a character."""

    points: Points
    colour: Colour
    marker: str


def plot_colour(style: Style) -> Colour:
    """The colour of a style as plotext knows it."""
    colour = style.color
    if colour is None or colour.is_default:
        return "default"
    return tuple(colour.triplet) if colour.triplet else colour.number or 0


def draw_curves(
    curves: Sequence[Curve],
    size: tuple[int, int],
    log_scale: bool,
    x_title: str,
    tick_colour: Colour,
    *,
    log_x: bool = False,
) -> Text:
    """Return the plot as `size` (width, height) cells of text; later curves lie over earlier ones.

    The curves run over epochs, or with `log_x` over the logarithm of any number. With `log_scale` every value,
    with `log_x` every place must be above zero.
    """
    from textual_plotext import Plot

    def place(value: float) -> float:
        return math.log10(value) if log_scale else value

    if log_x:
        curves = [replace(c, points=[(math.log10(x), y) for x, y in c.points]) for c in curves]
    width, height = size
    values = [y for curve in curves for _, y in curve.points]
    low, high = place(min(values)), place(max(values))
    margin = (high - low) * 0.05 or abs(high) * 0.1 or 0.5
    first, last = (f(x for curve in curves for x, _ in curve.points) for f in (min, max))
    plot: Any = Plot()
    plot._limit_size(False, False)  # else the size of the terminal at import is a limit
    plot.plotsize(width, height)
    plot._set_size(width, height)
    plot.canvas_color("default")
    plot.axes_color("default")
    plot.ticks_color(tick_colour)
    plot.xaxes(True, False)
    plot.yaxes(True, False)
    for curve in curves:
        kept = thin(curve.points, 2 * width)
        marker = "●" if len(kept) == 1 else curve.marker
        draw = plot.scatter if len(kept) == 1 else plot.plot
        draw([x for x, _ in kept], [place(y) for _, y in kept], marker=marker, color=curve.colour)
    plot.ylim(low - margin, high + margin)
    last = max(last, first + 1)
    plot.xlim(first, last)
    most = max(2, width // 12)
    places = log_ticks(first, last, most) if log_x else nice_ticks(first, last, most, whole=True)
    plot.xticks(places, [f"{10**x:.2g}" if log_x else f"{x:.0f}" for x in places])
    marks = (log_ticks if log_scale else nice_ticks)(low - margin, high + margin, max(2, height // 3))
    plot.yticks(marks, [format_figure(10**mark if log_scale else mark) for mark in marks])
    plot.xlabel(x_title)
    return Text.from_ansi(plot.build(), no_wrap=True)
