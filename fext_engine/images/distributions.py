"""Distributions of the measures: summaries for people, and sketches that later reports are compared with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fext_engine.images.measures import MEASURES, Measure

if TYPE_CHECKING:
    from fext_engine.records.reports import Table

SHAPES: tuple[Measure, ...] = (
    Measure("width", "px", "width, upright", skewed=True),
    Measure("height", "px", "height, upright", skewed=True),
    Measure("aspect", "width / height", "width over height", skewed=True),
    Measure("bytes", "bytes", "size of the file", skewed=True),
)
"""What is compared beside MEASURES, though no pixel is needed to know it."""

COMPARED = (*MEASURES, *SHAPES)
COMPARED_NAMES = tuple(measure.name for measure in COMPARED)
UNITS = {measure.name: measure.unit for measure in COMPARED}

SKETCH_POINTS = 101
SKETCH_QUANTILES = (np.arange(SKETCH_POINTS) + 0.5) / SKETCH_POINTS

MAX_CLASSES = 200
"""Classes, the largest ones, that have statistics, pixel histograms and mean images of their own."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Summary of one measure over a dataset."""

    measure: str
    n: int
    minimum: float
    p5: float
    median: float
    mean: float
    p95: float
    maximum: float


@dataclass(frozen=True, slots=True)
class ClassDistribution:
    """Summary of one measure over the images of a class."""

    class_name: str
    measure: str
    n: int
    minimum: float
    p5: float
    p25: float
    median: float
    mean: float
    std: float
    p75: float
    p95: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Sketch:
    """A distribution in 101 numbers: few enough to keep, enough to compare to about one percent."""

    split: str
    """`all`, `train` or `validation`."""
    measure: str
    n: int
    mean: float
    std: float
    quantiles: tuple[float, ...]
    """The observed values at SKETCH_QUANTILES: as a sample of 101, they stand for all n."""


def compared_values(table: Table) -> npt.NDArray[np.float32]:
    """(n, len(COMPARED)): the measures of a table and the shapes of its images."""
    width, height, size = table.sizes.T
    shapes = np.stack([width, height, width / np.maximum(height, 1), size], axis=1)
    return np.concatenate([table.values, shapes.astype(np.float32)], axis=1)


def summarise(table: Table) -> list[Distribution]:
    """Summarise every one of MEASURES over a table with at least one row."""
    quantiles = np.quantile(table.values, [0.05, 0.5, 0.95], axis=0)
    means = table.values.mean(axis=0, dtype=np.float64)
    low, high = table.values.min(axis=0), table.values.max(axis=0)
    return [
        Distribution(
            measure.name, len(table.values), float(low[i]), float(quantiles[0, i]), float(quantiles[1, i]),
            float(means[i]), float(quantiles[2, i]), float(high[i]),
        )
        for i, measure in enumerate(MEASURES)
    ]  # fmt: skip


def largest_classes(table: Table, limit: int = MAX_CLASSES) -> list[int]:
    """Codes of the classes with the most images, in the order of their names."""
    counts = Counter(table.classes.tolist())
    chosen = sorted(counts, key=lambda code: (-counts[code], table.class_names[code]))[:limit]
    return sorted(chosen, key=lambda code: table.class_names[code])


def summarise_classes(table: Table) -> list[ClassDistribution]:
    """Summarise every one of COMPARED over each of the largest classes."""
    values = compared_values(table)
    found = []
    for code in largest_classes(table):
        chosen = values[table.classes == code].astype(np.float64)
        numbers = np.stack([
            *np.quantile(chosen, [0, 0.05, 0.25, 0.5], axis=0), chosen.mean(axis=0), chosen.std(axis=0),
            *np.quantile(chosen, [0.75, 0.95, 1], axis=0),
        ], axis=1)  # fmt: skip
        found += [
            ClassDistribution(table.class_names[code], name, len(chosen), *map(float, numbers[i]))
            for i, name in enumerate(COMPARED_NAMES)
        ]
    return found


def sketch_splits(table: Table) -> list[Sketch]:
    """Sketch every one of COMPARED over all images and over each side of the split that has any."""
    values = compared_values(table)
    sides = {"all": np.ones(len(values), bool), "train": table.training, "validation": ~table.training}
    return [
        sketch for split, chosen in sides.items() if chosen.any() for sketch in _sketch(split, values[chosen])
    ]


def _sketch(split: str, values: npt.NDArray[np.float32]) -> list[Sketch]:
    quantiles = np.quantile(values, SKETCH_QUANTILES, axis=0, method="inverted_cdf")
    means, deviations = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    return [
        Sketch(
            split, name, len(values), float(means[i]), float(deviations[i]),
            tuple(float(x) for x in quantiles[:, i]),
        )
        for i, name in enumerate(COMPARED_NAMES)
    ]  # fmt: skip
