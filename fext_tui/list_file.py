"""The list in hand as a CSV file, and which of its images a decision about all of them means."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fext_tui.issues import FileList, IssueFiles

if TYPE_CHECKING:
    import sqlite3

_PAGE = 500


def write_list(files: FileList, folder: Path) -> Path:
    """Write all columns of a list to a new file in `folder`, in the list's order; for a worker thread."""
    from fext_engine.workspace import atomic_file, free_name, timestamp

    subject = files.issue if isinstance(files, IssueFiles) else "images"
    path = free_name(folder / f"list_{subject}_{timestamp()}.csv")
    with atomic_file(path) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text)
        for number, row in enumerate(iterate_rows(files)):
            if number == 0:
                writer.writerow(row.keys())
            writer.writerow(tuple(row))
        text.detach()
    return path


def iterate_rows(files: FileList) -> Iterator[sqlite3.Row]:
    """All rows of a list that are still there, with a connection of its own."""
    if isinstance(files, IssueFiles):
        yield from files.iterate()
        return
    from fext_engine.records import open_records
    from fext_engine.records.image_windows import read_rows

    with open_records(files.database) as records:
        for start in range(0, files.count(), _PAGE):
            page: list[Any] = read_rows(records, files.ids[start : start + _PAGE].tolist())
            yield from (row for row in page if row is not None)


def names_to_exclude(files: FileList) -> Iterator[str]:
    """The stored paths that excluding the whole list means: of duplicates and leaks the copies, not the one to keep."""
    for row in iterate_rows(files):
        if not (isinstance(files, IssueFiles) and row["direction"] == "keep"):
            yield row["path"]
