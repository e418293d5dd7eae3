"""One measure for the Statistics table, read in a worker thread: its histogram on both sides, a box for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fext_tui.widgets.box_plot import Box

BINS = 60


@dataclass(frozen=True)
class MeasureView:
    """Counts over `edges` for training and validation images, and the boxes of the classes, the largest first."""

    measure: str
    title: str
    counts: dict[str, Sequence[float]]
    edges: Sequence[float]
    boxes: Sequence[Box]


def read_measure_view(database: Path, root_id: int, report_id: int | None, measure: str) -> MeasureView:
    """Read a measure; of many images a random part. Raises FextError for a measure that does not exist."""
    import numpy as np

    from fext_engine.images.measures import MEASURES_BY_NAME
    from fext_engine.records import open_records
    from fext_engine.records.measure_values import class_boxes, read_measure

    with open_records(database) as records:
        values, training = read_measure(records, root_id, measure)
        rows = class_boxes(records, report_id, measure) if report_id is not None else []
    about = MEASURES_BY_NAME[measure]
    unit = f" ({about.unit})" if about.unit else ""
    counts: dict[str, Sequence[float]] = {}
    edges = np.linspace(0, 1, BINS + 1)
    if len(values):
        edges = np.histogram_bin_edges(values, BINS)
        for name, part in (("training", values[training]), ("validation", values[~training])):
            if len(part):
                counts[name] = np.histogram(part, edges)[0].tolist()
    boxes = [
        Box(
            row["class"] or "(no class)",
            row["n"],
            row["p5"],
            row["p25"],
            row["median"],
            row["p75"],
            row["p95"],
        )
        for row in rows
    ]
    return MeasureView(measure, f"{measure}{unit}: {about.help}", counts, edges.tolist(), boxes)
