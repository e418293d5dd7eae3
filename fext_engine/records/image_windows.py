"""Windows of a list of any length: its ids in order once, in a worker thread, then any page of it in a millisecond."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.records.database import Records
from fext_engine.records.filter import Filter
from fext_engine.records.images import LIST_COLUMNS, LISTED, conditions, order_clause

_STEPS_BETWEEN_LOOKS = 100_000  # of SQLite's machine, some milliseconds


def list_ids(
    records: Records,
    root: Path,
    *,
    order_by: str = "path",
    descending: bool = False,
    status: str | None = None,
    filter: Filter | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> npt.NDArray[np.int64]:
    """Return the ids (n,) of the images that `count_images` counts, in the order of `list_images`.

    Eight bytes an image; a million take half a second by path, two seconds by a measure. Once `cancelled`
    says so it breaks off and returns no ids.
    """
    order = order_clause(order_by, descending)
    where, values = conditions(records, root, status, None, filter)
    asked = {order_by, *(filter.columns if filter else ())}
    tables = (
        "FROM images" if asked.isdisjoint(MEASURE_NAMES) else LISTED
    )  # without them, indexes alone are read
    connection = records.connection
    connection.set_progress_handler(cancelled, _STEPS_BETWEEN_LOOKS)
    try:
        cursor = connection.execute(f"SELECT id {tables} WHERE {where} ORDER BY {order}", values)
        cursor.row_factory = None
        return np.fromiter((row[0] for row in cursor), np.int64)
    except sqlite3.OperationalError:
        if not cancelled():
            raise
        return np.empty(0, np.int64)
    finally:
        connection.set_progress_handler(None, 0)


def read_rows(records: Records, ids: Sequence[int]) -> list[sqlite3.Row | None]:
    """Return the images of `ids`, some hundreds at most, with LIST_COLUMNS in that order; None for one that is gone."""
    marks = ", ".join("?" * len(ids))
    found = records.connection.execute(
        f"SELECT id, {', '.join(LIST_COLUMNS)} {LISTED} WHERE id IN ({marks})", [int(i) for i in ids]
    )
    rows = {row["id"]: row for row in found}
    return [rows.get(int(i)) for i in ids]
