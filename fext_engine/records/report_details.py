"""Records around a report: the files it names, and what is kept to compare it with other reports."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from fext_engine.documents import parse_json
from fext_engine.errors import FextError
from fext_engine.images.distributions import Sketch
from fext_engine.records.database import Records

FAILURE_COLUMNS = ("path", "class", "status", "reason")
ISSUE_COLUMNS = (
    "issue", "path", "class", "split", "score", "percentile", "measure", "direction", "group_number", "detail",
)  # fmt: skip

_ISSUES = (
    f"SELECT {', '.join(ISSUE_COLUMNS)} FROM image_issues JOIN images ON images.id = image_id "
    "WHERE image_issues.root_id = ? AND NOT excluded"
)
_RANK = "group_number, severity DESC, image_id"


@dataclass(frozen=True, slots=True)
class WorstFile:
    """A file that is named as an example of an issue."""

    issue: str
    path: str
    measure: str
    direction: str
    score: float
    detail: str


def iterate_failures(records: Records, root_id: int) -> Iterator[sqlite3.Row]:
    """The files of a root that were read and cannot be used, with FAILURE_COLUMNS, in the order of their paths."""
    return records.connection.execute(
        f"SELECT {', '.join(FAILURE_COLUMNS)} FROM images "
        "WHERE root_id = ? AND status NOT IN ('ok', 'pending') AND split <> 'unused' ORDER BY path",
        (root_id,),
    )


def count_issues(records: Records, root_id: int) -> list[tuple[str, int]]:
    """How many images have each issue, the most frequent first."""
    query = f"SELECT issue, count(*) FROM ({_ISSUES}) GROUP BY issue ORDER BY count(*) DESC, issue"
    return [(row[0], row[1]) for row in records.connection.execute(query, (root_id,))]


def iterate_issues(records: Records, root_id: int) -> Iterator[sqlite3.Row]:
    """All issues of the images of a root, with ISSUE_COLUMNS, the worst of each issue first."""
    return records.connection.execute(f"{_ISSUES} ORDER BY issue, {_RANK}", (root_id,))


def worst_issues(records: Records, root_id: int, limit: int) -> list[WorstFile]:
    """At most `limit` files for each issue, the worst ones, in the order of `count_issues`."""
    query = (
        "SELECT issue, path, measure, direction, score, detail FROM "
        f"({_ISSUES} AND issue = ? ORDER BY {_RANK} LIMIT ?)"
    )
    return [
        WorstFile(*row)
        for issue, _ in count_issues(records, root_id)
        for row in records.connection.execute(query, (root_id, issue, limit))
    ]


def report_distributions(records: Records, report_id: int, split: str = "all") -> dict[str, Sketch]:
    """The sketches of a report by measure; none for a report that was made before they were kept."""
    query = "SELECT * FROM report_distributions WHERE report_id = ? AND split = ? ORDER BY rowid"
    rows = records.connection.execute(query, (report_id, split))
    try:
        return {
            row["measure"]: Sketch(
                split, row["measure"], row["n"], row["mean"], row["std"],
                tuple(map(float, parse_json(row["quantiles"]))),
            )
            for row in rows
        }  # fmt: skip
    except (ValueError, TypeError) as error:
        raise FextError(
            f"the recorded distributions are damaged: {error}", "`fext analyze` makes a new report"
        ) from error


def report_class_statistics(records: Records, report_id: int, measure: str) -> list[sqlite3.Row]:
    """One measure in every class of a report that has statistics of its own, by class."""
    query = "SELECT * FROM report_class_statistics WHERE report_id = ? AND measure = ? ORDER BY class"
    return records.connection.execute(query, (report_id, measure)).fetchall()


def report_issues(records: Records, report_id: int) -> dict[str, int]:
    """How many images of a report have each issue."""
    query = "SELECT issue, images FROM report_issues WHERE report_id = ? ORDER BY images DESC, issue"
    return dict(map(tuple, records.connection.execute(query, (report_id,))))
