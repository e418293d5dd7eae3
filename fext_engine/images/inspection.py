"""What the measures of a dataset say together: distributions, drift between the sides, class balance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fext_engine.images.balance import Balance, ClassCount, assess_balance
from fext_engine.images.drift import Drift, compare_sides
from fext_engine.images.examine import unpack_histogram
from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.records import Records, reports

MIN_SIDE = 5
"""Images that each side of the split needs before a comparison says anything."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings of one dataset, as the report draws and stores them."""

    table: reports.Table
    distributions: list[reports.Distribution]
    histogram: npt.NDArray[np.uint64]
    """(3, 256): how many pixels of all images have each value of red, green and blue."""
    drifts: list[Drift]
    """Empty when a side has fewer than MIN_SIDE images."""
    classes: list[ClassCount]
    balance: Balance


def inspect_dataset(records: Records, root_id: int, seed: int) -> Inspection:
    """Draw together the records of a measured root, which has at least one usable image.

    `seed` is that of the permutations behind the drift's p-values.
    """
    table = reports.read_table(records, root_id)
    sides = table.values[table.training], table.values[~table.training]
    enough = min(map(len, sides)) >= MIN_SIDE
    classes = reports.count_classes(records, root_id)
    return Inspection(
        table,
        reports.summarise(table),
        _sum_histograms(reports.iterate_histograms(records, root_id)),
        compare_sides(MEASURE_NAMES, *sides, seed=seed) if enough else [],
        classes,
        assess_balance(classes),
    )


def _sum_histograms(packed: Iterable[bytes]) -> npt.NDArray[np.uint64]:
    total = np.zeros((3, 256), np.uint64)
    for counts in packed:
        total += unpack_histogram(counts)
    return total
