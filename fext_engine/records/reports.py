"""Records of dataset reports: what a report reads of the images, and the report itself."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fext_engine.documents import parse_json
from fext_engine.errors import FextError
from fext_engine.images.balance import ClassCount
from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.records.database import Records
from fext_engine.records.images import LIST_COLUMNS

if TYPE_CHECKING:
    from fext_engine.images.inspection import Inspection

MAX_ROWS = 200_000
"""Images that distributions are drawn from; of more a fixed random part is taken, so that memory stays flat."""

_USED = "root_id = ? AND status = 'ok' AND split <> 'unused'"


@dataclass(frozen=True, slots=True)
class Table:
    """The measures of the used images of a root, or of a random part of them."""

    values: npt.NDArray[np.float32]
    """(n, len(MEASURES))"""
    training: npt.NDArray[np.bool_]
    """(n,): in the training split, else in the validation split."""
    sizes: npt.NDArray[np.int64]
    """(n, 3): width, height, bytes."""
    classes: npt.NDArray[np.int32]
    """(n,): the position of each image's class in `class_names`."""
    class_names: tuple[str, ...]
    total: int
    """How many images there are, n or more."""


def read_table(records: Records, root_id: int) -> Table:
    """Load the measures of the used images of a root, at most about MAX_ROWS."""
    total = int(
        records.connection.execute(f"SELECT count(*) FROM images WHERE {_USED}", (root_id,)).fetchone()[0]
    )
    # Knuth's multiplicative hash scatters the ids evenly over 32 bits
    threshold = 2**32 if total <= MAX_ROWS else int(2**32 * MAX_ROWS / total)
    cursor = records.connection.execute(
        f"SELECT class, split = 'train', width, height, bytes, {', '.join(MEASURE_NAMES)} "
        f"FROM images JOIN image_statistics ON image_id = id "
        f"WHERE {_USED} AND (id * 2654435761) % 4294967296 < ? ORDER BY id",
        (root_id, threshold),
    )
    cursor.row_factory = None
    codes: dict[str, int] = {}
    numbers = (n for row in cursor for n in (codes.setdefault(row[0], len(codes)), *row[1:]))
    flat = np.fromiter(numbers, np.float64).reshape(-1, 5 + len(MEASURE_NAMES))
    return Table(
        values=flat[:, 5:].astype(np.float32),
        training=flat[:, 1] > 0,
        sizes=flat[:, 2:5].astype(np.int64),
        classes=flat[:, 0].astype(np.int32),
        class_names=tuple(codes),
        total=total,
    )


def iterate_pixels(records: Records, root_id: int) -> Iterator[tuple[str, str, bytes, bytes]]:
    """Class, split, packed pixel histogram and thumbnail of all used images."""
    query = (
        "SELECT class, split, counts, pixels FROM images JOIN image_histograms AS h ON h.image_id = id "
        f"JOIN image_thumbnails AS t ON t.image_id = id WHERE {_USED}"
    )
    cursor = records.connection.execute(query, (root_id,))
    cursor.row_factory = None
    return cursor


def iterate_image_rows(records: Records, root_id: int) -> Iterator[sqlite3.Row]:
    """All images of a root with LIST_COLUMNS, in the order of their paths."""
    return records.connection.execute(
        f"SELECT {', '.join(LIST_COLUMNS)} FROM images "
        "LEFT JOIN image_statistics ON image_id = id AND status = 'ok' WHERE root_id = ? ORDER BY path",
        (root_id,),
    )


def count_classes(records: Records, root_id: int) -> list[ClassCount]:
    """Count the files of every class, by name."""
    query = """
        SELECT class,
               total(status = 'ok' AND split = 'train'), total(status = 'ok' AND split = 'validation'),
               total(split = 'unused'), total(status NOT IN ('ok', 'pending') AND split <> 'unused')
        FROM images WHERE root_id = ? GROUP BY class ORDER BY class
    """
    return [
        ClassCount(row[0], *map(int, tuple(row)[1:])) for row in records.connection.execute(query, (root_id,))
    ]


def record_report(records: Records, name: str, summary: dict[str, Any], inspection: Inspection) -> None:
    """Store a report; `summary` holds `root`, `images` and `usable`, and is kept as JSON."""
    with records.connection as connection:
        report_id = connection.execute(
            "INSERT INTO reports (name, root, created_at, images, usable, summary) VALUES (?, ?, ?, ?, ?, ?)",
            (name, summary["root"], time.time(), summary["images"], summary["usable"], json.dumps(summary)),
        ).lastrowid
        tables: dict[str, Iterable[tuple[Any, ...]]] = {  # the dataclasses have the tables' columns, in order
            "report_statistics": map(astuple, inspection.distributions),
            "report_drift": map(astuple, inspection.drifts),
            "report_classes": map(astuple, inspection.classes),
            "report_class_statistics": map(astuple, inspection.class_distributions),
            "report_distributions": (
                (*astuple(sketch)[:-1], json.dumps(sketch.quantiles)) for sketch in inspection.sketches
            ),
            "report_issues": inspection.issues,
        }
        for table, rows in tables.items():
            for row in rows:
                values = (report_id, *row)
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)


def list_reports(records: Records) -> list[sqlite3.Row]:
    """All reports, the newest first: id, name, root, created_at, images, usable, summary (JSON)."""
    # by their numbers: the clock may have been set back in between
    return records.connection.execute("SELECT * FROM reports ORDER BY id DESC").fetchall()


def summary_of(report: sqlite3.Row) -> dict[str, Any]:
    """The summary of a report as `record_report` was given it; what of it is no longer what it was is left out."""
    try:
        summary = parse_json(report["summary"])
    except (ValueError, TypeError):
        return {}
    tables = ("statuses", "issues")
    return {
        key: value
        for key, value in (summary.items() if isinstance(summary, dict) else ())
        if isinstance(value, dict) or key not in tables
    }


def find_report(records: Records, name: str) -> sqlite3.Row:
    """Return the report with this name or unique beginning of a name, or the newest for `latest`; raises FextError."""
    known = list_reports(records)
    exact = [row for row in known if name in ("latest", row["name"])]
    found = exact[:1] or [row for row in known if row["name"].startswith(name)]
    if len(found) == 1:
        row: sqlite3.Row = found[0]
        return row
    if found:
        raise FextError(
            f"{len(found)} reports begin with {name!r}",
            f"name one: {', '.join(r['name'] for r in found[:5])}",
        )
    way_out = "`fext reports` lists them" if known else "`fext analyze` makes one"
    raise FextError(f"there is no report called {name!r}", way_out)


def previous_report(records: Records, report: sqlite3.Row) -> sqlite3.Row:
    """Return the newest report of the same folder that is older than `report`; raises FextError."""
    row: sqlite3.Row | None = records.connection.execute(
        "SELECT * FROM reports WHERE root = ? AND id < ? ORDER BY id DESC",
        (report["root"], report["id"]),
    ).fetchone()
    if row is None:
        raise FextError(f"{report['name']} is the first report of its folder", "name two reports to compare")
    return row


def report_statistics(records: Records, report_id: int) -> list[sqlite3.Row]:
    """Summaries of a report's measures, in the order of MEASURES."""
    return _in_order_of_measures(records, "report_statistics", report_id)


def report_drift(records: Records, report_id: int) -> list[sqlite3.Row]:
    """A report's comparison of training and validation images, in the order of MEASURES."""
    return _in_order_of_measures(records, "report_drift", report_id)


def report_classes(records: Records, report_id: int) -> list[sqlite3.Row]:
    """A report's classes by name: class, train, validation, unused, broken."""
    query = "SELECT * FROM report_classes WHERE report_id = ? ORDER BY class"
    return records.connection.execute(query, (report_id,)).fetchall()


def _in_order_of_measures(records: Records, table: str, report_id: int) -> list[sqlite3.Row]:
    query = f"SELECT * FROM {table} WHERE report_id = ? ORDER BY rowid"
    return records.connection.execute(query, (report_id,)).fetchall()
