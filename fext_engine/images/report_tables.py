"""The tables of a dataset report, as CSV files beside its figures."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from fext_engine.images.balance import ClassCount
from fext_engine.images.distributions import SKETCH_POINTS, ClassDistribution, Distribution
from fext_engine.images.drift import Drift
from fext_engine.images.inspection import Inspection
from fext_engine.images.pixel_sums import PixelSum
from fext_engine.records import Records, report_details, reports
from fext_engine.records.images import LIST_COLUMNS


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A heading and rows, which can be read once."""

    header: Sequence[str]
    rows: Iterable[Iterable[Any]]


def write_tables(folder: Path, records: Records, root_id: int, inspection: Inspection) -> None:
    """Write every table of a report into `folder`, `<table>.csv` each."""
    for name, table in _tables(records, root_id, inspection).items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table.header)
            writer.writerows(table.rows)


def _tables(records: Records, root_id: int, inspection: Inspection) -> dict[str, ReportTable]:
    tables = {
        "images": ReportTable(LIST_COLUMNS, reports.iterate_image_rows(records, root_id)),
        "failures": ReportTable(
            report_details.FAILURE_COLUMNS, report_details.iterate_failures(records, root_id)
        ),
        "issues": ReportTable(report_details.ISSUE_COLUMNS, report_details.iterate_issues(records, root_id)),
        "statistics": ReportTable(_names(Distribution), map(astuple, inspection.distributions)),
        "class_statistics": ReportTable(
            _names(ClassDistribution), map(astuple, inspection.class_distributions)
        ),
        "distributions": ReportTable(
            ("split", "measure", "n", "mean", "std", *(f"q{i}" for i in range(SKETCH_POINTS))),
            ((s.split, s.measure, s.n, s.mean, s.std, *s.quantiles) for s in inspection.sketches),
        ),
        "classes": ReportTable(_names(ClassCount), map(astuple, inspection.classes)),
        "pixels": ReportTable(
            ("value", "red", "green", "blue"), (row[1:] for row in _pixel_rows({"": inspection.pixels.whole}))
        ),
        "class_pixels": ReportTable(
            ("class", "value", "red", "green", "blue"), _pixel_rows(inspection.pixels.classes)
        ),
    }
    if inspection.drifts:
        tables["drift"] = ReportTable(_names(Drift), map(astuple, inspection.drifts))
    return tables


def _pixel_rows(sums: Mapping[str, PixelSum]) -> Iterator[tuple[str | int, ...]]:
    for name, total in sums.items():
        for value, counts in enumerate(total.histogram.T):
            yield name, value, *map(int, counts)


def _names(kind: type[Any]) -> tuple[str, ...]:
    renamed = {"name": "class", "class_name": "class"}
    return tuple(renamed.get(field.name, field.name) for field in fields(kind))
