"""One measure of a dataset: its values on both sides of the split, and its spread in every class."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fext_engine.errors import FextError
from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.records.database import Records

MAX_VALUES = 50_000
"""Images that values are read of; of more a fixed random part is taken, so that a histogram comes at once."""

MAX_RANKED = 10_000
"""The same for the place of one image among all."""

_USED = "root_id = ? AND status = 'ok' AND split <> 'unused' AND NOT excluded"


def read_measure(
    records: Records, root_id: int, measure: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the measure of the used images (n,), in its own unit, and whether each trains (n,), else validates.

    Of more than about MAX_VALUES images it is a fixed random part. Raises FextError for an unknown measure.
    """
    _check(measure)
    tables, values = _part(records.connection, root_id, MAX_VALUES)
    cursor = records.connection.execute(
        f"SELECT {measure}, split = 'train' FROM {tables} JOIN image_statistics ON image_id = images.id WHERE {_USED}",
        values,
    )
    cursor.row_factory = None
    pairs = np.fromiter((number for row in cursor for number in row), np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1] > 0


def percentiles(records: Records, root_id: int, measures: Mapping[str, float]) -> dict[str, float]:
    """Where values lie among the used images: the share in percent whose measure is smaller, 0 to 100.

    Of more than about MAX_RANKED images a fixed random part is asked. Empty where there are none.
    """
    if not measures:
        return {}
    for measure in measures:
        _check(measure)
    tables, values = _part(records.connection, root_id, MAX_RANKED)
    smaller = ", ".join(f"avg({measure} < ?)" for measure in measures)
    found = records.connection.execute(
        f"SELECT {smaller} FROM {tables} JOIN image_statistics ON image_id = images.id WHERE {_USED}",
        (*measures.values(), *values),
    ).fetchone()
    shares = zip(measures, found, strict=True)
    return {measure: 100 * share for measure, share in shares if share is not None}


def _part(connection: sqlite3.Connection, root_id: int, most: int) -> tuple[str, tuple[int | str, ...]]:
    """The tables of the used images, and the values of a query's marks; of many images a random part."""
    newest, total = connection.execute(
        f"SELECT max(id), count(*) FROM images WHERE {_USED}", (root_id,)
    ).fetchone()
    if total <= most:
        return "images", (root_id,)
    # Only rows of the drawn ids are looked up: a tenth of the time of reading all.
    drawn = np.random.default_rng(0).integers(1, newest + 1, int(newest * most / total))
    tables = "json_each(?) AS drawn CROSS JOIN images ON images.id = drawn.value"
    return tables, (json.dumps(np.unique(drawn).tolist()), root_id)


def class_boxes(records: Records, report_id: int, measure: str, limit: int = 200) -> list[sqlite3.Row]:
    """The spread of a measure in a report's largest classes: class, n, minimum, p5, p25, median, p75, p95, maximum."""
    _check(measure)
    return records.connection.execute(
        "SELECT class, n, minimum, p5, p25, median, p75, p95, maximum FROM report_class_statistics "
        "WHERE report_id = ? AND measure = ? ORDER BY n DESC, class LIMIT ?",
        (report_id, measure, limit),
    ).fetchall()


def _check(measure: str) -> None:
    if measure not in MEASURE_NAMES:
        raise FextError(f"there is no measure {measure!r}", f"name one of {', '.join(MEASURE_NAMES)}")
