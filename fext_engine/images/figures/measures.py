"""Figures of the measures: histograms of both sides of the split, and box plots per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from fext_engine.images.distributions import ClassDistribution
from fext_engine.images.figures.style import (
    DARK,
    TRAIN,
    VALIDATION,
    class_label,
    logarithmic,
    number_text,
    sample_text,
)
from fext_engine.images.measures import MEASURES, MEASURES_BY_NAME, Measure
from fext_engine.records.reports import Table

MAIN_MEASURES = (
    "mean", "std", "entropy", "colourfulness", "saturation_mean", "tenengrad", "noise_ratio", "edge_density",
)  # fmt: skip
"""One for each thing that is measured: what classes are compared by where there is no room for all."""

MAX_BOXES = 25
_GRID_COLUMNS = 4


def draw_measures(table: Table) -> Figure:
    """A histogram of every measure, the training side filled and the validation side as a line."""
    rows = -(-len(MEASURES) // _GRID_COLUMNS)
    # So many panels are laid out by hand: the automatic layout takes longer than measuring the images.
    figure = Figure(figsize=(13, 2.1 * rows + 0.5))
    panels = figure.subplots(rows, _GRID_COLUMNS).ravel()
    figure.subplots_adjust(
        left=0.04, right=0.99, bottom=0.03, top=1 - 1.0 / (2.1 * rows + 0.5), hspace=0.6, wspace=0.18
    )
    for i, measure in enumerate(MEASURES):
        _draw_measure(panels[i], measure, table.values[:, i], table.training)
    for panel in panels[len(MEASURES) :]:
        panel.set_visible(False)
    training = int(table.training.sum())
    figure.suptitle(
        f"Measures of {sample_text(table)} images: share of each side's images (%) in each bin", y=0.993
    )
    figure.legend(
        handles=[
            Patch(color=TRAIN, alpha=0.55, label=f"training, n = {training:,}"),
            Line2D([], [], color=VALIDATION, label=f"validation, n = {len(table.values) - training:,}"),
            Line2D([], [], color=DARK, linewidth=1, label="median of all (in the title)"),
            Patch(color=TRAIN, alpha=0.12, label="5 % to 95 % of all"),
        ],
        loc="upper center", ncols=4, bbox_to_anchor=(0.5, 0.985), fontsize=9,
    )  # fmt: skip
    return figure


def _draw_measure(
    axes: Axes, measure: Measure, values: npt.NDArray[np.float32], training: npt.NDArray[np.bool_]
) -> None:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    axes.axvspan(low, high, color=TRAIN, alpha=0.08, linewidth=0)
    shown, edges = _bin(axes, measure, values)
    if training.any():
        axes.stairs(*_percent(shown[training], edges), fill=True, color=TRAIN, alpha=0.55)
    if not training.all():
        axes.stairs(*_percent(shown[~training], edges), color=VALIDATION, linewidth=1.2)
    axes.axvline(middle, color=DARK, linewidth=1)
    axes.set_title(f"{measure.name.replace('_', ' ')}: {number_text(middle)}", loc="left")
    axes.set_xlabel(measure.unit, labelpad=1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3))  # ticks are most of the time that a figure takes
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(labelsize=8, length=0)


def _bin(
    axes: Axes, measure: Measure, given: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The values to show and the edges of their bins; makes the axis logarithmic where the measure asks for it."""
    values = given.astype(np.float64)
    count = min(40, max(8, int(np.sqrt(len(values)) * 1.5)))
    positive = values[values > 0]
    if measure.skewed and len(positive) and values.max() > positive.min():
        logarithmic(axes, "x", float(values.max() / positive.min()))
        values = np.maximum(values, positive.min())  # zeros stand in the lowest bin
        edges = np.geomspace(values.min(), values.max(), count + 1)
        edges[[0, -1]] = values.min(), values.max()
        return values, edges
    return values, np.histogram_bin_edges(values, count)


def _percent(
    values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return np.histogram(values, edges)[0] / len(values) * 100, edges


def draw_class_boxes(found: Sequence[ClassDistribution]) -> Figure:
    """Box plots of the main measures per class, for the largest classes."""
    sizes = {d.class_name: d.n for d in found}
    chosen = sorted(sorted(sizes, key=lambda name: (-sizes[name], name))[:MAX_BOXES])
    by_key = {(d.class_name, d.measure): d for d in found}
    columns = 4
    rows = -(-len(MAIN_MEASURES) // columns)
    figure = Figure(figsize=(14, (0.26 * len(chosen) + 0.9) * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True).ravel()
    for axes, name in zip(panels, MAIN_MEASURES, strict=False):
        measure = MEASURES_BY_NAME[name]
        boxes = [by_key[class_name, name] for class_name in chosen]
        _draw_boxes(axes, boxes, measure)
        axes.set_yticks(range(len(chosen)), [f"{class_label(c)} ({sizes[c]:,})" for c in chosen])
        axes.set_ylim(len(chosen) - 0.4, -0.6)
    more = f", the {len(chosen)} largest of {len(sizes)}" if len(chosen) < len(sizes) else ""
    figure.suptitle(
        f"Main measures per class (number of images){more}: box quartiles, line median, dot mean, whiskers 5 % to 95 %",
        fontsize=11,
    )
    return figure


def _draw_boxes(axes: Axes, boxes: Sequence[ClassDistribution], measure: Measure) -> None:
    low = min((b.p5 for b in boxes if b.p5 > 0), default=0.0)
    high = max(b.p95 for b in boxes)
    if measure.skewed and 0 < low < high:
        logarithmic(axes, "x", high / low)
    axes.bxp(
        [
            {"med": b.median, "q1": b.p25, "q3": b.p75, "whislo": b.p5, "whishi": b.p95, "mean": b.mean}
            for b in boxes
        ],
        positions=range(len(boxes)), orientation="horizontal", widths=0.6, showfliers=False, showmeans=True,
        patch_artist=True, capprops={"linewidth": 0}, whiskerprops={"color": TRAIN},
        boxprops={"facecolor": "#c9daee", "edgecolor": TRAIN, "linewidth": 0.8},
        medianprops={"color": DARK, "linewidth": 1.4},
        meanprops={"marker": "o", "markersize": 2.5, "markerfacecolor": VALIDATION, "markeredgewidth": 0},
    )  # fmt: skip
    axes.set_title(measure.name.replace("_", " "), loc="left")
    axes.set_xlabel(measure.unit, labelpad=1)
    axes.grid(axis="y", visible=False)
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
