"""Tables: aligned text for people, one JSON document for programs, CSV files for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fext_engine.cli.common import Common
from fext_engine.errors import FextError, room_to_write
from fext_engine.paths import escape_name, printable
from fext_engine.workspace import atomic_file

CsvFile = Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write the table to a CSV file.")]
Row = Mapping[str, Any]


def show_table(
    common: Common, rows: Sequence[Row], shown: Sequence[Row], csv_file: str | None, empty: str
) -> None:
    """Give out a table: `rows` with plain values as JSON or CSV, else `shown`, the same in words.

    `empty` is said where there is no row. Raises FextError when the CSV file cannot be written.
    """
    if csv_file:
        stream_csv(csv_file, rows)
    if common.json:
        common.print_json(rows)
    elif csv_file:
        print(f"{len(rows)} rows written to {escape_name(csv_file)}")
    elif not shown:
        print(empty)
    else:
        for line in aligned(shown):
            print(line)


def aligned(rows: Sequence[Row]) -> list[str]:
    """Lines of columns wide enough for every value, with a heading; wide characters count as two cells."""
    from rich.cells import cell_len

    names = list(rows[0])
    table = [
        [name.replace("_", " ") for name in names],
        *([printable(str(row[name])) for name in names] for row in rows),
    ]
    widths = [max(cell_len(line[i]) for line in table) for i in range(len(names))]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in table
    ]


def stream_csv(file_name: str, rows: Iterable[Row]) -> int:
    """Write a table of any length to a CSV file, whole or not at all, and return the number of rows.

    Raises FextError when the file cannot be written.
    """
    path, count = Path(file_name).expanduser(), 0
    try:
        with atomic_file(path) as file:
            text = io.TextIOWrapper(file, "utf-8", newline="")
            for row in rows:
                if not count:
                    writer = csv.DictWriter(text, list(row), lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)
                count += 1
            text.detach()  # the file is closed by its owner
    except OSError as error:
        raise FextError(
            f"cannot write {escape_name(str(path))}: {error.strerror or error}",
            f"{room_to_write(error)}; or choose another file with --csv",
        ) from error
    return count
