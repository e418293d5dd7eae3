"""Figures of the measures: histograms of both sides of the split, and box plots per class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fext_engine.images.distributions import ClassDistribution
from fext_engine.images.figures.panel import Floats, Panel, Scale, linear, logarithmic
from fext_engine.images.figures.sheet import Sheet, text_width
from fext_engine.images.figures.style import (
    DARK,
    TRAIN,
    VALIDATION,
    class_label,
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
_COLUMNS = 4
_MARGIN = 0.04  # share of a scale that stays free at either end


def draw_measures(table: Table) -> Sheet:
    """A histogram of every measure, the training side filled and the validation side as a line."""
    across, down, head = 234, 151, 70
    rows = -(-len(MEASURES) // _COLUMNS)
    sheet = Sheet(_COLUMNS * across, rows * down + head - 20)
    panels, filled, drawn, bands, medians = [], [], [], [], []
    for i, measure in enumerate(MEASURES):
        left = across * (i % _COLUMNS) + 36
        bottom = sheet.height - head - down * (i // _COLUMNS) - 94
        low, middle, high = np.quantile(table.values[:, i], [0.05, 0.5, 0.95])
        scale, shown, edges = _bin(measure, table.values[:, i])
        shares = [_percent(shown[side], edges) for side in (table.training, ~table.training)]
        top = max(1.0, *(float(share.max(initial=0)) for share in shares)) * 1.05
        panel = Panel(left, bottom, across - 46, 94, scale, linear(0, top, 3))
        panels.append((panel, f"{measure.name.replace('_', ' ')}: {number_text(middle)}", measure.unit))
        if table.training.any():
            filled.append(panel.steps(shares[0], edges))
        if not table.training.all():
            drawn.append(panel.steps(shares[1], edges))
        # a zero lies in the lowest bin of a logarithmic scale
        ends = np.maximum([low, middle, high], edges[0])
        bands += [*panel.boxes(ends[0], ends[2], 0, top)]
        medians += [*panel.across(ends[1])]
    sheet.areas(bands, TRAIN, 0.08)
    sheet.frame([panel for panel, _, _ in panels])
    sheet.areas(filled, TRAIN, 0.55)
    sheet.lines(drawn, VALIDATION, 1.2)
    sheet.lines(medians, DARK)
    for named in panels:
        sheet.caption(*named)
    training = int(table.training.sum())
    sheet.title(f"Measures of {sample_text(table)} images: share of each side's images (%) in each bin")
    sheet.legend(
        sheet.height - 36,
        [
            (f"training, n = {training:,}", {"colour": TRAIN, "alpha": 0.55}),
            (f"validation, n = {len(table.values) - training:,}", {"colour": VALIDATION, "width": 1.2}),
            ("median of all (in the title)", {"colour": DARK}),
            ("5 % to 95 % of all", {"colour": TRAIN, "alpha": 0.12}),
        ],
    )
    return sheet


def _bin(measure: Measure, given: npt.NDArray[np.float32]) -> tuple[Scale, Floats, Floats]:
    """A scale, logarithmic where the measure asks for it, the values to show on it, and the edges of their bins."""
    values = given.astype(np.float64)
    count = min(40, max(8, int(np.sqrt(len(values)) * 1.5)))
    positive = values[values > 0]
    if measure.skewed and len(positive) and values.max() > positive.min():
        values = np.maximum(values, positive.min())  # zeros stand in the lowest bin
        edges = np.geomspace(values.min(), values.max(), count + 1)
        edges[[0, -1]] = values.min(), values.max()
        margin = (edges[-1] / edges[0]) ** _MARGIN
        return logarithmic(edges[0] / margin, edges[-1] * margin), values, edges
    edges = np.histogram_bin_edges(values, count)
    margin = (edges[-1] - edges[0]) * _MARGIN
    return linear(edges[0] - margin, edges[-1] + margin, 5), values, edges


def _percent(values: Floats, edges: Floats) -> Floats:
    return np.histogram(values, edges)[0] / max(1, len(values)) * 100


def draw_class_boxes(found: Sequence[ClassDistribution]) -> Sheet:
    """Box plots of the main measures per class, for the largest classes."""
    sizes = {d.class_name: d.n for d in found}
    chosen = sorted(sorted(sizes, key=lambda name: (-sizes[name], name))[:MAX_BOXES])
    by_key = {(d.class_name, d.measure): d for d in found}
    height = 19.0 * len(chosen)
    rows = -(-len(MAIN_MEASURES) // _COLUMNS)
    sheet = Sheet(1008, rows * (height + 62) + 18)
    names = [f"{class_label(name)} ({sizes[name]:,})" for name in chosen]
    left = text_width(names, 9) + 14
    across = (sheet.width - left) / _COLUMNS
    panels = []
    for i, name in enumerate(MAIN_MEASURES):
        measure = MEASURES_BY_NAME[name]
        boxes = [by_key[class_name, name] for class_name in chosen]
        row, column = divmod(i, _COLUMNS)
        ticks = list(enumerate(names)) if not column else ()
        panel = Panel(
            left + column * across, sheet.height - 46 - row * (height + 62) - height, across - 22, height,
            _box_scale(boxes, measure), Scale(len(chosen) - 0.4, -0.6, ticks=ticks),
        )  # fmt: skip
        panels.append((panel, measure.name.replace("_", " "), measure.unit))
    sheet.frame([panel for panel, _, _ in panels], size=9, rows=True)
    for (panel, title, unit), name in zip(panels, MAIN_MEASURES, strict=True):
        sheet.caption(panel, title, unit, below=24)
        _draw_boxes(sheet, panel, [by_key[class_name, name] for class_name in chosen])
    more = f", the {len(chosen)} largest of {len(sizes)}" if len(chosen) < len(sizes) else ""
    sheet.title(
        f"Main measures per class (number of images){more}: "
        "box quartiles, line median, dot mean, whiskers 5 % to 95 %"
    )
    return sheet


def _box_scale(boxes: Sequence[ClassDistribution], measure: Measure) -> Scale:
    low = min(min(b.p5, b.mean) for b in boxes)
    high = max(max(b.p95, b.mean) for b in boxes)
    positive = min((b.p5 for b in boxes if b.p5 > 0), default=0.0)
    if measure.skewed and 0 < positive < high:
        margin = (high / positive) ** _MARGIN
        return logarithmic(positive / margin, high * margin)
    margin = (high - low) * _MARGIN or 0.5
    return linear(low - margin, high + margin, 5)


def _draw_boxes(sheet: Sheet, panel: Panel, boxes: Sequence[ClassDistribution]) -> None:
    rows = np.arange(len(boxes), dtype=np.float64)
    numbers = np.array([(b.p5, b.p25, b.median, b.p75, b.p95, b.mean) for b in boxes])
    p5, p25, median, p75, p95, mean = np.maximum(numbers, panel.x.low).T  # a logarithm has no zero
    whiskers = [panel.place([a, b], [row, row]) for row, a, b in zip(rows, p5, p95, strict=True)]
    middles = panel.boxes(median, median, rows - 0.3, rows + 0.3)[:, 1:3]
    sheet.lines(whiskers, TRAIN)
    sheet.areas(panel.boxes(p25, p75, rows - 0.3, rows + 0.3), "#c9daee", edge=TRAIN)
    sheet.lines(middles, DARK, 1.4)
    sheet.dots(panel.place(mean, rows), 2.5, VALIDATION)
