"""Records of issues: storing what an analysis found, and ranked windows of it for lists."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.records.database import Records
from fext_engine.records.images import find_root
from fext_engine.records.issue_names import ISSUES

__all__ = ["ISSUES", "Issue", "check_issue", "issue_counts", "iterate_issue", "list_issue", "replace_issues"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One image's issue; the table's comments say what each column holds, in this order."""

    image_id: int
    issue: str
    root_id: int
    severity: float
    score: float
    percentile: float | None
    measure: str
    direction: str
    group_number: int | None = None
    detail: str = ""


_ROW = attrgetter(*Issue.__dataclass_fields__)
_INSERT = f"INSERT INTO image_issues VALUES ({', '.join('?' * len(Issue.__dataclass_fields__))})"


def replace_issues(records: Records, root_id: int, found: Iterable[Issue]) -> None:
    """Store the issues of a root in the place of the earlier ones, all or nothing; `found` may read meanwhile."""
    with records.connection as connection:
        connection.execute("DELETE FROM image_issues WHERE root_id = ?", (root_id,))
        connection.executemany(_INSERT, map(_ROW, found))


def issue_counts(records: Records, root: Path) -> list[tuple[str, int]]:
    """How many rows `list_issue` has for each issue that was found, in the order of ISSUES."""
    query = "SELECT issue, count(*) FROM image_issues WHERE root_id = ? GROUP BY issue"
    counts = dict(map(tuple, records.connection.execute(query, (find_root(records, root),))))
    return [(issue, counts[issue]) for issue in ISSUES if issue in counts]


def list_issue(
    records: Records, root: Path, issue: str, offset: int = 0, limit: int = 100
) -> list[sqlite3.Row]:
    """Return a window of the images with an issue, worst first; groups stay together, the one to keep first.

    Columns: path, class, split, score, percentile, measure, direction, group_number, detail, excluded. Images
    that were excluded since the analysis are among them. Raises FextError for an issue that does not exist.
    """
    return _select(records, root, issue, offset, limit).fetchall()


def iterate_issue(records: Records, root: Path, issue: str) -> Iterator[sqlite3.Row]:
    """All rows of `list_issue`, a few at a time in memory."""
    return _select(records, root, issue, 0, -1)


def _select(records: Records, root: Path, issue: str, offset: int, limit: int) -> sqlite3.Cursor:
    return records.connection.execute(
        "SELECT path, class, split, score, percentile, measure, direction, group_number, detail, excluded "
        "FROM (SELECT * FROM image_issues WHERE root_id = ? AND issue = ? "
        "      ORDER BY group_number, severity DESC, image_id LIMIT ? OFFSET ?) AS window "
        "JOIN images ON images.id = image_id ORDER BY group_number, severity DESC, image_id",
        (find_root(records, root), check_issue(issue), limit, offset),
    )


def check_issue(issue: str) -> str:
    """Return the name of an issue, or raise FextError that lists them."""
    if issue not in ISSUES:
        raise FextError(f"there is no issue called {issue!r}", f"name one of {', '.join(ISSUES)}")
    return issue
