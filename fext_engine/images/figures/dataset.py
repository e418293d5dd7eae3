"""Figures of the dataset as a whole: sizes, class balance, drift between the sides, and health issues."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fext_engine.images.balance import Balance, ClassCount
from fext_engine.images.drift import EFFECT, Drift
from fext_engine.images.figures.style import (
    BROKEN,
    NEUTRAL,
    TRAIN,
    VALIDATION,
    VERDICT_COLOURS,
    bars,
    class_label,
    logarithmic,
    sample_text,
)
from fext_engine.records.reports import Table

MAX_CLASSES, MAX_POINTS = 30, 5000


def draw_sizes(table: Table) -> Figure:
    """Width against height, and histograms of aspect and file size."""
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
        logarithmic(scatter, "x", high / low)
        logarithmic(scatter, "y", high / low)
    scatter.legend(loc="upper left")
    bars(aspect, np.log2(width / height), 40)
    ratios = {"1:3": 1 / 3, "1:2": 1 / 2, "2:3": 2 / 3, "1:1": 1, "3:2": 3 / 2, "2:1": 2, "3:1": 3}
    aspect.set_xticks([float(np.log2(ratio)) for ratio in ratios.values()], list(ratios))
    aspect.set(
        xlabel="width : height", ylabel="images", title=f"Aspect, median {np.median(width / height):.2f}"
    )
    kilobytes = size / 1024
    bins = np.geomspace(kilobytes.min() / 1.05, kilobytes.max() * 1.05, 40).tolist()
    bars(weight, kilobytes, bins)
    logarithmic(weight, "x", bins[-1] / bins[0])
    weight.set(
        xlabel="file size (KiB)", ylabel="images", title=f"File size, median {np.median(kilobytes):.0f} KiB"
    )
    figure.suptitle(f"Sizes of {sample_text(table)} images", fontsize=12)
    return figure


def draw_drift(drifts: Sequence[Drift]) -> Figure:
    """The three distances of every measure between the sides, in the colour of the verdict."""
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


def draw_class_balance(classes: Sequence[ClassCount], balance: Balance) -> Figure:
    """Images of the largest classes, by side of the split."""
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
    axes.set_yticks(range(len(shown)), [class_label(c.name) for c in shown])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("images")
    more = f", the {len(shown)} largest shown" if len(classes) > len(shown) else ""
    kinds = "1 class" if balance.classes == 1 else f"{balance.classes:,} classes"
    axes.set_title(
        f"{kinds}{more}; largest {balance.largest:,} / smallest {balance.smallest:,} = "
        f"{balance.ratio:.3g}, normalised entropy {balance.normalised_entropy:.3f}"
    )
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def draw_issues(issues: Sequence[tuple[str, int]], images: int) -> Figure:
    """How many of so many usable images have each health issue."""
    shown = sorted(issues, key=lambda issue: -issue[1])
    figure = Figure(figsize=(9, 0.3 * len(shown) + 1.3), layout="constrained")
    axes = figure.subplots()
    drawn = axes.barh(range(len(shown)), [n for _, n in shown], color=VALIDATION, height=0.7)
    axes.bar_label(drawn, [f"{n:,} ({n / max(1, images):.1%})" for _, n in shown], padding=3, fontsize=8)
    axes.set_yticks(range(len(shown)), [name.replace("_", " ") for name, _ in shown])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("images")
    axes.set_title(f"Health issues among {images:,} images")
    return figure
