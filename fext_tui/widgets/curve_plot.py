"""Curves over epochs drawn in cells, with axes and their ticks, by plotext."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


def draw_curves(
    curves: Sequence[Curve], size: tuple[int, int], log_scale: bool, x_title: str, tick_colour: Colour
) -> Text:
    """Return the plot as `size` (width, height) cells of text; later curves lie over earlier ones.

    With `log_scale` every value must be above zero.
    """
    from textual_plotext import Plot

    def place(value: float) -> float:
        return math.log10(value) if log_scale else value

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
    plot.xlim(first, max(last, first + 1))
    epochs = nice_ticks(first, max(last, first + 1), max(2, width // 12), whole=True)
    plot.xticks(epochs, [f"{epoch:.0f}" for epoch in epochs])
    marks = (log_ticks if log_scale else nice_ticks)(low - margin, high + margin, max(2, height // 3))
    plot.yticks(marks, [format_figure(10**mark if log_scale else mark) for mark in marks])
    plot.xlabel(x_title)
    return Text.from_ansi(plot.build(), no_wrap=True)
