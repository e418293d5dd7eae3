"""Figures of a dataset report, as PNG files; drawn without a display and without matplotlib's global state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from fext_engine.images.balance import Balance, ClassCount
from fext_engine.images.drift import EFFECT, Drift
from fext_engine.images.inspection import Inspection
from fext_engine.images.measures import MEASURES, Measure
from fext_engine.records.reports import Table

TRAIN, VALIDATION, BROKEN, NEUTRAL = "#2f6db3", "#e08a1e", "#c23b3b", "#8a94a3"
CHANNELS = {"red": "#c0392b", "green": "#2e9e4f", "blue": "#2c5fb8"}
VERDICT_COLOURS = {"none": NEUTRAL, "small": VALIDATION, "drift": BROKEN}
MAX_CLASSES, MAX_POINTS, MAX_NAME = 30, 5000, 28
_GRID_COLUMNS = 4

_STYLE: dict[Any, Any] = {
    "figure.dpi": 110, "font.size": 9, "axes.titlesize": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e4e7ec",
    "axes.axisbelow": True, "axes.edgecolor": "#8a94a3", "legend.frameon": False,
    "text.parse_math": False, "font.family": "DejaVu Sans",
}  # fmt: skip


def draw_report(folder: Path, inspection: Inspection) -> list[Path]:
    """Draw every figure of a report into `folder` and return their paths."""
    with rc_context(_STYLE):
        figures = {
            "pixel_distribution": _pixel_distribution(inspection.histogram, inspection.table.total),
            "statistics": _statistics(inspection.table),
            "sizes": _sizes(inspection.table),
            "class_balance": _class_balance(inspection.classes, inspection.balance),
        }
        if inspection.drifts:
            figures["drift"] = _drift(inspection.drifts)
        return [_save(figure, folder / f"{name}.png") for name, figure in figures.items()]


def _save(figure: Figure, path: Path) -> Path:
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")
    return path


def _pixel_distribution(histogram: npt.NDArray[np.uint64], images: int) -> Figure:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    shares = histogram / np.maximum(1, histogram.sum(axis=1, keepdims=True)) * 100
    for (name, colour), share in zip(CHANNELS.items(), shares, strict=True):
        mean = float(share @ np.arange(256) / 100)
        axes.fill_between(range(256), share, color=colour, alpha=0.12, linewidth=0)
        axes.plot(range(256), share, color=colour, linewidth=1.3, label=f"{name}, mean {mean:.0f}")
    top = max(float(shares[:, 5:-5].max()) * 1.35, 0.01)
    axes.set(xlim=(-1, 256), xlabel="pixel value (0-255)", ylabel="share of pixels (%)", ylim=(0, top))
    axes.set_title(f"Pixel values per channel, {images:,} images, {int(histogram[0].sum()):,} pixels")
    for value, side in ((0, "left"), (255, "right")):  # clipped ends often tower over all else: told in words
        if (highest := float(shares[:, value].max())) > top:
            x = 4 if side == "left" else 251
            axes.text(x, top * 0.97, f"{highest:.1f} % at {value}", ha=side, va="top", color="#444444")
    axes.legend(loc="upper center", ncols=3)
    return figure


def _statistics(table: Table) -> Figure:
    rows = -(-len(MEASURES) // _GRID_COLUMNS)
    # So many panels are laid out by hand: the automatic layout takes longer than measuring the images.
    figure = Figure(figsize=(13, 2.1 * rows))
    panels = figure.subplots(rows, _GRID_COLUMNS).ravel()
    figure.subplots_adjust(left=0.04, right=0.99, bottom=0.03, top=0.95, hspace=0.6, wspace=0.18)
    for i, measure in enumerate(MEASURES):
        _measure_histogram(panels[i], measure, table.values[:, i])
    for panel in panels[len(MEASURES) :]:
        panel.set_visible(False)
    figure.suptitle(
        f"Measures of {_sample_size(table)} images: images per bin; line median, band 5 % to 95 %",
        fontsize=12,
        y=0.985,
    )
    return figure


def _measure_histogram(axes: Axes, measure: Measure, values: npt.NDArray[np.float32]) -> None:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    count = min(40, max(8, int(np.sqrt(len(values)) * 2)))
    bins: list[float] | int = count
    positive = values[values > 0]
    if measure.skewed and len(positive) and values.max() > positive.min():
        values = np.maximum(values, positive.min())  # zeros stand in the lowest bin
        bins = np.geomspace(positive.min(), values.max(), count + 1).tolist()
        _logarithmic(axes, "x", float(values.max() / positive.min()))
    axes.axvspan(low, high, color=TRAIN, alpha=0.08, linewidth=0)
    _bars(axes, values, bins)
    axes.axvline(middle, color="#1c2733", linewidth=1.2)
    axes.set_title(f"{measure.name.replace('_', ' ')}: {_number(middle)}", loc="left")
    axes.set_xlabel(measure.unit, labelpad=1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.tick_params(labelsize=8)


def _sizes(table: Table) -> Figure:
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    scatter, aspect, weight = figure.subplots(1, 3)
    width, height, size = table.sizes.T
    step = max(1, len(width) // MAX_POINTS)
    for chosen, colour, label in (
        (table.training, TRAIN, "training"),
        (~table.training, VALIDATION, "validation"),
    ):
        scatter.scatter(
            width[chosen][::step],
            height[chosen][::step],
            s=14,
            alpha=0.5,
            color=colour,
            label=label,
            linewidths=0,
        )
    low, high = min(width.min(), height.min()) / 1.2, max(width.max(), height.max()) * 1.2
    scatter.plot((low, high), (low, high), color=NEUTRAL, linewidth=0.8, linestyle="--", label="square")
    scatter.set(xlabel="width (px)", ylabel="height (px)", title="Size", xlim=(low, high), ylim=(low, high))
    if low * 8 < high:
        _logarithmic(scatter, "x", high / low)
        _logarithmic(scatter, "y", high / low)
    scatter.legend(loc="upper left")
    _bars(aspect, np.log2(width / height), 40)
    ratios = {"1:3": 1 / 3, "1:2": 1 / 2, "2:3": 2 / 3, "1:1": 1, "3:2": 3 / 2, "2:1": 2, "3:1": 3}
    aspect.set_xticks([float(np.log2(ratio)) for ratio in ratios.values()], list(ratios))
    aspect.set(
        xlabel="width : height", ylabel="images", title=f"Aspect, median {np.median(width / height):.2f}"
    )
    kilobytes = size / 1024
    bins = np.geomspace(kilobytes.min() / 1.05, kilobytes.max() * 1.05, 40).tolist()
    _bars(weight, kilobytes, bins)
    _logarithmic(weight, "x", bins[-1] / bins[0])
    weight.set(
        xlabel="file size (KiB)", ylabel="images", title=f"File size, median {np.median(kilobytes):.0f} KiB"
    )
    figure.suptitle(f"Sizes of {_sample_size(table)} images", fontsize=12)
    return figure


def _drift(drifts: Sequence[Drift]) -> Figure:
    figure = Figure(figsize=(11, 0.27 * len(drifts) + 1.8), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    rows = range(len(drifts))
    colours = [VERDICT_COLOURS[d.verdict] for d in drifts]
    for axes, name, values in (
        (panels[0], "Kolmogorov-Smirnov distance (0-1)", [d.ks for d in drifts]),
        (panels[1], "Wasserstein distance (standard deviations)", [d.wasserstein for d in drifts]),
        (panels[2], "population stability index", [d.psi for d in drifts]),
    ):
        axes.barh(rows, values, color=colours, height=0.7)
        axes.set_xlabel(name)
        axes.set_xlim(0, max(values) * 1.15 + 1e-6)
    panels[0].axvline(EFFECT, color="#1c2733", linewidth=0.8, linestyle="--")
    panels[0].set_xlim(0, max(EFFECT * 1.3, panels[0].get_xlim()[1]))
    panels[0].set_yticks(rows, [d.measure.replace("_", " ") for d in drifts])
    panels[0].set_ylim(len(drifts) - 0.4, -0.6)
    verdicts = [d.verdict for d in drifts]
    figure.suptitle(
        f"Training (n = {drifts[0].n_train:,}) against validation (n = {drifts[0].n_validation:,}): "
        f"{verdicts.count('drift')} of {len(drifts)} measures drift\n"
        f"red: significant, and beyond the dashed line; orange: significant but small "
        f"({verdicts.count('small')}); grey: chance would do",
        fontsize=11,
    )
    return figure


def _class_balance(classes: Sequence[ClassCount], balance: Balance) -> Figure:
    shown = sorted(classes, key=lambda c: c.used + c.broken, reverse=True)[:MAX_CLASSES]
    figure = Figure(figsize=(9, 0.28 * len(shown) + 1.8), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(shown))
    for label, colour, counts in (
        ("training", TRAIN, [c.train for c in shown]),
        ("validation", VALIDATION, [c.validation for c in shown]),
        ("broken", BROKEN, [c.broken for c in shown]),
    ):
        if any(counts):
            axes.barh(range(len(shown)), counts, left=left, color=colour, label=label, height=0.7)
            left += counts
    axes.set_yticks(range(len(shown)), [_short(c.name) or "(no folder)" for c in shown])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("images")
    more = f", the {len(shown)} largest shown" if len(classes) > len(shown) else ""
    axes.set_title(
        f"{balance.classes} classes{more}; largest / smallest {balance.ratio:.3g}, "
        f"normalised entropy {balance.normalised_entropy:.3f}"
    )
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _bars(axes: Axes, values: npt.NDArray[Any], bins: list[float] | int) -> None:
    """A histogram as one filled outline; a patch for each bar would be slow."""
    counts, edges = np.histogram(values.astype(np.float64), bins=bins)
    axes.stairs(counts, edges, fill=True, color=TRAIN, alpha=0.8)


def _logarithmic(axes: Axes, side: Literal["x", "y"], span: float) -> None:
    """Make an axis logarithmic with plain numbers; names may hold a $, so the labels' usual math is off."""
    if side == "x":
        axes.set_xscale("log")
    else:
        axes.set_yscale("log")
    axis = axes.xaxis if side == "x" else axes.yaxis
    subs = (1.0, 2.0, 5.0) if span < 200 else (1.0, 3.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    axis.set_minor_locator(NullLocator())


def _number(value: float) -> str:
    return f"{value / 1000:.3g}k" if abs(value) >= 1000 else f"{value:.3g}"


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME // 2]}…{name[-MAX_NAME // 2 :]}"


def _sample_size(table: Table) -> str:
    n = len(table.values)
    return f"{n:,}" if n == table.total else f"{n:,} (at random of {table.total:,})"
