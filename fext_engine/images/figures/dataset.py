"""Figures of the dataset as a whole: sizes, class balance, drift between the sides, and health issues."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fext_engine.images.balance import Balance, ClassCount
from fext_engine.images.drift import EFFECT, Drift
from fext_engine.images.figures.panel import Floats, Panel, Scale, linear, logarithmic
from fext_engine.images.figures.sheet import CAPITAL, Sheet, text_width
from fext_engine.images.figures.style import (
    BROKEN,
    DARK,
    NEUTRAL,
    TRAIN,
    VALIDATION,
    VERDICT_COLOURS,
    class_label,
    sample_text,
)
from fext_engine.records.reports import Table

MAX_CLASSES, MAX_POINTS = 30, 5000
_RATIOS = {"1:3": 1 / 3, "1:2": 1 / 2, "2:3": 2 / 3, "1:1": 1, "3:2": 3 / 2, "2:1": 2, "3:1": 3}


def draw_sizes(table: Table) -> Sheet:
    """Width against height, and histograms of aspect and file size."""
    sheet = Sheet(936, 302)
    width, height, size = table.sizes.T
    kilobytes, aspects = size / 1024, np.log2(width / height)
    bottom, across, tall = 40, 264, sheet.height - 90
    low, high = min(width.min(), height.min()) / 1.2, max(width.max(), height.max()) * 1.2
    lengths = logarithmic(low, high) if low * 8 < high else linear(low, high, 6)
    scatter = Panel(42, bottom, across, tall, lengths, lengths)
    bins = np.geomspace(kilobytes.min() / 1.05, kilobytes.max() * 1.05, 40)
    edges = np.histogram_bin_edges(aspects, 40)
    ends = min(edges[0], -1.7), max(edges[-1], 1.7)
    ratios = Scale(*ends, ticks=[(float(np.log2(ratio)), name) for name, ratio in _RATIOS.items()])
    aspect = _histogram_panel(355, aspects, edges, ratios, scatter)
    weight = _histogram_panel(665, kilobytes, bins, logarithmic(bins[0], bins[-1]), scatter)
    sheet.frame([scatter, aspect, weight], 9)
    step = max(1, len(width) // MAX_POINTS)
    for chosen, colour in ((table.training, TRAIN), (~table.training, VALIDATION)):
        sheet.dots(scatter.place(width[chosen][::step], height[chosen][::step]), 3.8, colour, 0.5)
    sheet.lines([scatter.place([low, high], [low, high])], NEUTRAL, 0.8, dashed=True)
    for panel, values, limits in ((aspect, aspects, edges), (weight, kilobytes, bins)):
        sheet.areas([panel.steps(np.histogram(values, limits)[0], limits)], TRAIN, 0.8)
    for panel, x, title, unit, counted in (
        (scatter, 10, "Size", "width (px)", "height (px)"),
        (aspect, 326, f"Aspect, median {np.median(width / height):.2f}", "width : height", "images"),
        (weight, 636, f"File size, median {np.median(kilobytes):.0f} KiB", "file size (KiB)", "images"),
    ):
        sheet.caption(panel, title, unit, below=27)
        sheet.upright(x, bottom + tall / 2, counted)
    marks = [("training", TRAIN), ("validation", VALIDATION)]
    for i, (text, colour) in enumerate(marks):
        y = scatter.top - 12 - 14 * i
        sheet.dots([(scatter.left + 14, y + CAPITAL * 9 / 2)], 4.5, colour, 0.7)
        sheet.words([(scatter.left + 24, y, text)])
    sheet.title(f"Sizes of {sample_text(table)} images; the dashed line is square", 12)
    return sheet


def _histogram_panel(left: float, values: Floats, edges: Floats, scale: Scale, beside: Panel) -> Panel:
    counts = linear(0, float(np.histogram(values, edges)[0].max()) * 1.05, 6, whole=True)
    return Panel(left, beside.bottom, beside.width, beside.height, scale, counts)


def draw_drift(drifts: Sequence[Drift]) -> Sheet:
    """The three distances of every measure between the sides, in the colour of the verdict."""
    sheet = Sheet(792, 19.4 * len(drifts) + 88)
    names = [d.measure.replace("_", " ") for d in drifts]
    left = text_width(names, 9) + 12
    across = (sheet.width - left) / 3
    panels = []
    for i, (name, values) in enumerate((
        ("Kolmogorov-Smirnov distance (0-1)", [d.ks for d in drifts]),
        ("Wasserstein distance (standard deviations)", [d.wasserstein for d in drifts]),
        ("population stability index", [d.psi for d in drifts]),
    )):  # fmt: skip
        high = max(max(values) * 1.15 + 1e-6, 0 if i else EFFECT * 1.3)
        rows = _rows(names if not i else [""] * len(names))
        panel = Panel(left + i * across, 40, across - 20, sheet.height - 84, linear(0, high, 5), rows)
        panels.append((panel, values, name))
    sheet.frame([panel for panel, _, _ in panels], 9, rows=True)
    colours = [VERDICT_COLOURS[d.verdict] for d in drifts]
    for panel, values, name in panels:
        sheet.areas(_bars(panel, np.zeros(len(values)), np.array(values)), colours)
        sheet.caption(panel, "", name, below=28)
    sheet.lines(panels[0][0].across(EFFECT), DARK, 0.8, dashed=True)
    verdicts = [d.verdict for d in drifts]
    sheet.title(
        f"Training (n = {drifts[0].n_train:,}) against validation (n = {drifts[0].n_validation:,}): "
        f"{verdicts.count('drift')} of {len(drifts)} measures drift\n"
        f"red: significant, and beyond the dashed line; orange: significant but small "
        f"({verdicts.count('small')}); grey: chance would do"
    )
    return sheet


def draw_class_balance(classes: Sequence[ClassCount], balance: Balance) -> Sheet:
    """Images of the largest classes, by side of the split."""
    shown = sorted(classes, key=lambda c: c.used + c.broken, reverse=True)[:MAX_CLASSES]
    sheet = Sheet(648, 20.2 * len(shown) + 96)
    names = [class_label(c.name) for c in shown]
    left = text_width(names, 9) + 12
    most = max(c.used + c.broken for c in shown)
    lengths = linear(0, most * 1.05, 7, whole=True)
    panel = Panel(left, 64, sheet.width - left - 18, sheet.height - 88, lengths, _rows(names))
    sheet.frame([panel], 9, rows=True)
    start, entries = np.zeros(len(shown)), []
    for label, colour, counts in (
        ("training", TRAIN, [c.train for c in shown]),
        ("validation", VALIDATION, [c.validation for c in shown]),
        ("broken", BROKEN, [c.broken for c in shown]),
    ):
        if any(counts):
            sheet.areas(_bars(panel, start, start + counts), colour)
            start = start + counts
            entries.append((label, {"colour": colour, "alpha": 1.0}))
    more = f", the {len(shown)} largest shown" if len(classes) > len(shown) else ""
    kinds = "1 class" if balance.classes == 1 else f"{balance.classes:,} classes"
    sheet.title(
        f"{kinds}{more}; largest {balance.largest:,} / smallest {balance.smallest:,} = "
        f"{balance.ratio:.3g}, normalised entropy {balance.normalised_entropy:.3f}",
        10,
    )
    sheet.caption(panel, "", "images", below=27)
    sheet.legend(10, entries)
    return sheet


def draw_issues(issues: Sequence[tuple[str, int]], images: int) -> Sheet:
    """How many of so many usable images have each health issue."""
    shown = sorted(issues, key=lambda issue: -issue[1])
    sheet = Sheet(648, 21.6 * len(shown) + 70)
    names = [name.replace("_", " ") for name, _ in shown]
    left = text_width(names, 9) + 12
    counts = np.array([n for _, n in shown], np.float64)
    lengths = linear(0, counts.max() * 1.15, 7, whole=True)
    panel = Panel(left, 40, sheet.width - left - 14, sheet.height - 64, lengths, _rows(names))
    sheet.frame([panel], 9, rows=True)
    sheet.areas(_bars(panel, np.zeros(len(shown)), counts), VALIDATION)
    ends = np.add(panel.place(counts, range(len(shown))), (4, -CAPITAL * 8 / 2))
    texts = [f"{n:,} ({n / max(1, images):.1%})" for _, n in shown]
    sheet.words([(x, y, text) for (x, y), text in zip(ends.tolist(), texts, strict=True)], 8)
    sheet.caption(panel, "", "images", below=27)
    sheet.title(f"Health issues among {images:,} images", 10)
    return sheet


def _rows(names: Sequence[str]) -> Scale:
    """The scale of named rows, the first one at the top."""
    return Scale(len(names) - 0.4, -0.6, ticks=list(enumerate(names)))


def _bars(panel: Panel, start: Floats, end: Floats) -> Floats:
    """Rectangles of the rows of a panel, (n, 4, 2) points."""
    rows = np.arange(len(start))
    return panel.boxes(start, end, rows - 0.35, rows + 0.35)
