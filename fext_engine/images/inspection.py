"""What the measures of a dataset say together: distributions, drift between the sides, class balance."""

from __future__ import annotations

from dataclasses import dataclass

from fext_engine.images.balance import Balance, ClassCount, assess_balance
from fext_engine.images.distributions import (
    COMPARED_NAMES,
    ClassDistribution,
    Distribution,
    Sketch,
    compared_values,
    largest_classes,
    sketch_splits,
    summarise,
    summarise_classes,
)
from fext_engine.images.drift import Drift, compare_sides
from fext_engine.images.pixel_sums import PixelSums, sum_pixels
from fext_engine.records import Records, reports
from fext_engine.records.report_details import count_issues

MIN_SIDE = 5
"""Images that each side of the split needs before a comparison says anything."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings of one dataset, as the report draws and stores them."""

    table: reports.Table
    distributions: list[Distribution]
    class_distributions: list[ClassDistribution]
    """Every measure for each of the largest classes."""
    sketches: list[Sketch]
    pixels: PixelSums
    drifts: list[Drift]
    """Empty when a side has fewer than MIN_SIDE images."""
    classes: list[ClassCount]
    balance: Balance
    issues: list[tuple[str, int]]
    """How many images have each health issue."""


def inspect_dataset(records: Records, root_id: int, seed: int) -> Inspection:
    """Draw together the records of a measured root, which has at least one usable image.

    `seed` is that of the permutations behind the drift's p-values.
    """
    table = reports.read_table(records, root_id)
    values = compared_values(table)
    sides = values[table.training], values[~table.training]
    enough = min(map(len, sides)) >= MIN_SIDE
    classes = reports.count_classes(records, root_id)
    detailed = [table.class_names[code] for code in largest_classes(table)]
    return Inspection(
        table,
        summarise(table),
        summarise_classes(table),
        sketch_splits(table),
        sum_pixels(reports.iterate_pixels(records, root_id), detailed),
        compare_sides(COMPARED_NAMES, *sides, seed=seed) if enough else [],
        classes,
        assess_balance(classes),
        count_issues(records, root_id),
    )
