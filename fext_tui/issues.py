"""The health of a dataset for the screen: which issues there are, and the ranked files of one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.paths import unescape_name
from fext_tui.kept_records import KeptRecords
from fext_tui.recorded import Listing, RecordedImages, open_listing
from fext_tui.widgets.columns import Column
from fext_tui.widgets.text import format_figure

if TYPE_CHECKING:
    from fext_engine.records import Records

BROKEN, EXCLUDED = "broken", "excluded"
"""Two lists beside the issues: files that cannot be used, and images that a person has excluded."""
_PAGE = 5000
_LEAST_NAME = 22


@dataclass(frozen=True)
class IssueEntry:
    """An issue that some images have, or one of the two other lists."""

    name: str
    count: int
    meaning: str


@dataclass(eq=False)
class IssueFiles:
    """The images with an issue, worst first; groups of duplicates stay together."""

    database: Path
    root: Path
    issue: str
    total: int
    width: int = 80
    """Cells that the list has: decides which columns are shown."""
    noun: str = "pictures"

    @cached_property
    def _records(self) -> KeptRecords:
        return KeptRecords(self.database)

    def count(self) -> int:
        return self.total

    @property
    def columns(self) -> Sequence[Column]:
        shown = [Column("image", keep_end=True)]
        further = (
            Column("score", 8, "right"), Column("kept", 4),
            Column("grp" if self.grouped else "pct", 5, "right"), Column("copy" if self.grouped else "side", 4),
            Column("measure", 18), Column("class", 14), Column("split", 10), Column("detail", 30),
        )  # fmt: skip
        free = self.width - _LEAST_NAME
        for column in further:
            if (column.width or 0) + 1 > free:
                break
            shown.append(column)
            free -= (column.width or 0) + 1
        return shown

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        return [self._cells(row) for row in self.read(offset, limit)]

    def read(self, offset: int, limit: int) -> list[sqlite3.Row]:
        """Rows of the records."""
        from fext_engine.records.health import list_issue

        return self._records.ask(lambda records: list_issue(records, self.root, self.issue, offset, limit), [])

    @cached_property
    def grouped(self) -> bool:
        """Whether the images stand in groups, of which one is to keep."""
        first = self.read(0, 1)
        return bool(first and first[0]["group_number"] is not None)

    def _cells(self, row: sqlite3.Row) -> tuple[str, ...]:
        if self.grouped:
            place = str(row["group_number"])
        else:
            place = "" if row["percentile"] is None else f"{row['percentile']:.1f}"
        return (
            row["path"], format_figure(row["score"]), "no" if row["excluded"] else "yes", place, row["direction"],
            row["measure"], row["class"], row["split"], row["detail"],
        )  # fmt: skip

    def name(self, index: int) -> str | None:
        """The stored path of a row, None when it is gone."""
        found = self.read(index, 1)
        return str(found[0]["path"]) if found else None

    def path(self, index: int) -> Path:
        """The true path of a row; the folder itself when the image is gone from the records."""
        return self.root / unescape_name(self.name(index) or "")

    def find(self, name: str) -> int:
        """The row of a stored path, 0 where it is not listed."""
        places = (n for n, row in enumerate(self.iterate()) if row["path"] == name)
        return next(places, 0)

    def describe(self, index: int) -> str:
        """Why a row's image is here: the measure that decided, its value, and where that lies among the others."""
        found = self.read(index, 1)
        if not found:
            return ""
        row = found[0]
        if self.grouped:
            why = f"group {row['group_number']}, {'the one to keep' if row['direction'] == 'keep' else 'a copy'}"
        else:
            why = f"{row['measure']} is {row['direction']}: {format_figure(row['score'])}"
            why += "" if row["percentile"] is None else f", above {row['percentile']:.1f} % of the images"
        parts = (why, row["detail"], "out of training" if row["excluded"] else "")
        return " · ".join(part for part in parts if part)

    def is_excluded(self, index: int) -> bool:
        """Whether a row's image is kept out of training."""
        found = self.read(index, 1)
        return bool(found and found[0]["excluded"])

    def iterate(self) -> Iterator[sqlite3.Row]:
        """All rows, with a connection of its own: for a worker thread."""
        from fext_engine.records import open_records
        from fext_engine.records.health import list_issue

        with open_records(self.database) as records:
            for offset in range(0, self.total, _PAGE):
                yield from list_issue(records, self.root, self.issue, offset, _PAGE)


FileList = IssueFiles | RecordedImages
"""A list of recorded files, as the Health and the Images table hold one."""


def read_issues(records: Records, root: Path, statuses: Mapping[str, int]) -> list[IssueEntry]:
    """The lists of the Health table, with how many files each has."""
    from fext_engine.records.exclusions import count_excluded
    from fext_engine.records.health import ISSUES, issue_counts

    broken = sum(count for status, count in statuses.items() if status not in ("ok", "pending"))
    entries = [IssueEntry(BROKEN, broken, "cannot be used")]
    entries += [IssueEntry(name, count, ISSUES[name]) for name, count in issue_counts(records, root)]
    entries.append(IssueEntry(EXCLUDED, count_excluded(records, root), "kept out of training by hand"))
    return [entry for entry in entries if entry.count or entry.name == BROKEN]


def open_issue(
    database: Path, root: Path, entry: IssueEntry, cancelled: Callable[[], bool] = lambda: False
) -> FileList:
    """Make the list of files of an entry, in a worker thread."""
    from fext_engine.records.filter import parse_filter

    if entry.name == BROKEN:
        return open_listing(database, root, Listing(status="broken"), cancelled)
    if entry.name == EXCLUDED:
        return open_listing(database, root, Listing(filter=parse_filter("excluded = 1")), cancelled)
    return IssueFiles(database, root, entry.name, entry.count)
