"""What all figures of a report share: colours, fonts, axes in plain numbers, and names that fit."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from fext_engine.records.reports import Table

TRAIN, VALIDATION, BROKEN, NEUTRAL = "#2f6db3", "#e08a1e", "#c23b3b", "#8a94a3"
DARK = "#1c2733"
CHANNELS = {"red": "#c0392b", "green": "#2e9e4f", "blue": "#2c5fb8"}
VERDICT_COLOURS = {"none": NEUTRAL, "small": VALIDATION, "drift": BROKEN}
MAX_NAME = 28

STYLE: dict[Any, Any] = {
    "figure.dpi": 110, "font.size": 9, "axes.titlesize": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e4e7ec",
    "axes.axisbelow": True, "axes.edgecolor": "#8a94a3", "legend.frameon": False,
    "text.parse_math": False, "font.family": "DejaVu Sans",
}  # fmt: skip


def bars(axes: Axes, values: npt.NDArray[Any], bins: list[float] | int) -> None:
    """A histogram as one filled outline; a patch for each bar would be slow."""
    counts, edges = np.histogram(values.astype(np.float64), bins=bins)
    axes.stairs(counts, edges, fill=True, color=TRAIN, alpha=0.8)


def logarithmic(axes: Axes, side: Literal["x", "y"], span: float) -> None:
    """Make an axis logarithmic with plain numbers; names may hold a $, so the labels' usual math is off."""
    if side == "x":
        axes.set_xscale("log")
    else:
        axes.set_yscale("log")
    axis = axes.xaxis if side == "x" else axes.yaxis
    subs = (1.0, 2.0, 5.0) if span < 200 else (1.0, 3.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    axis.set_minor_locator(NullLocator())


def number_text(value: float) -> str:
    """A number with three figures; thousands as `1.5k`, millions as `1.5M`."""
    if abs(value) >= 999_500:
        return f"{value / 1e6:.3g}M"
    return f"{value / 1000:.3g}k" if abs(value) >= 999.5 else f"{value:.3g}"


def class_label(name: str) -> str:
    """A class's name as a label of limited length."""
    if len(name) > MAX_NAME:
        name = f"{name[: MAX_NAME // 2]}…{name[-MAX_NAME // 2 :]}"
    return name or "(no folder)"


def sample_text(table: Table) -> str:
    """How many images a figure shows."""
    n = len(table.values)
    return f"{n:,}" if n == table.total else f"{n:,} (at random of {table.total:,})"
