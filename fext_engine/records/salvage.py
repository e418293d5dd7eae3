"""Reading out of a damaged database what no file holds, row by row, over whatever cannot be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LARGEST = 1 << 40  # of a row's number that is looked for


@dataclass
class Salvaged:
    """What only the database held."""

    exclusions: dict[tuple[str, str], str] = field(default_factory=dict)
    """Images that a person keeps out of training: `(root, path)`, as they are stored, and the reason."""
    encodings: list[str] = field(default_factory=list)
    """Folders of encodings, also outside the workspace, escaped."""
    untold: set[str] = field(default_factory=set)
    """Jobs whose end nobody was told of."""
    lost: str = ""
    """In words, what may be gone for good; empty when all could be read."""


def read_damaged(path: Path) -> Salvaged:
    """Read what can be read; a file in which nothing can be is answered by what is lost."""
    found, whole = Salvaged(), True
    try:
        # never written to: closing it must not move anything from its log into it
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA writable_schema = ON")  # else a file that was cut short is refused
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            whole = _read_exclusions(connection, found)
            for (folder,) in _rows(connection, "encodings", "path")[0]:
                found.encodings += [folder] if _is_stored_name(folder) else []
            for (job,) in _rows(connection, "jobs", "id", "told = 0")[0]:
                found.untold.add(job)
    except sqlite3.Error:
        whole = False
    if not whole:
        kept = f"{len(found.exclusions)} could be read" if found.exclusions else "none could be read"
        found.lost = f"which images were excluded stood there alone, and {kept}: check `fext images` for them"
    return found


def _read_exclusions(connection: sqlite3.Connection, found: Salvaged) -> bool:
    """Whether all of them could be read."""
    roots, whole = _rows(connection, "image_roots", "id, path")
    names = {number: root for number, root in roots if _is_stored_name(root)}
    for table, reason, where in (
        ("images", "excluded_reason", "excluded"), ("forgotten_exclusions", "reason", "1"),
    ):  # fmt: skip
        rows, read = _rows(connection, table, f"root_id, path, {reason}", where)
        whole = whole and read
        for root_id, image, words in rows:
            if root_id in names and _is_stored_name(image):
                found.exclusions[names[root_id], image] = words if isinstance(words, str) else ""
            else:
                whole = False
    return whole


def _rows(
    connection: sqlite3.Connection, table: str, columns: str, where: str = "1"
) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows of a table that can be read, and whether these are all."""
    query = f"SELECT rowid, {columns} FROM {table} NOT INDEXED WHERE rowid >= ? AND ({where}) ORDER BY rowid"
    found: list[tuple[Any, ...]] = []
    start, whole = 0, True
    while True:
        try:
            for number, *row in _within(connection.execute(query, (start,))):
                found.append(tuple(row))
                start = number + 1
            return found, whole
        except sqlite3.DatabaseError:
            whole = False
            following = _next_readable(connection, table, start)
            if following is None:
                return found, whole
            start = following


def _within(cursor: sqlite3.Cursor) -> Iterator[list[Any]]:
    with closing(cursor):
        yield from map(list, cursor)


def _next_readable(connection: sqlite3.Connection, table: str, start: int) -> int | None:
    """The number from which rows can be read again behind `start`: by growing steps, then halving the last."""

    def readable(number: int) -> bool:
        query = f"SELECT rowid FROM {table} NOT INDEXED WHERE rowid >= ? ORDER BY rowid LIMIT 1"
        try:
            return connection.execute(query, (number,)).fetchone() is not None
        except sqlite3.DatabaseError:
            return False

    step = 1
    while not readable(start + step):
        step *= 2
        if step > _LARGEST:
            return None
    bad, good = start + step // 2, start + step
    while good - bad > 1:
        middle = (bad + good) // 2
        bad, good = (bad, middle) if readable(middle) else (middle, good)
    return good


def _is_stored_name(name: object) -> bool:
    """Whether this may be a path as the records store one: damage leaves anything in its place."""
    return isinstance(name, str) and bool(name) and name.isprintable() and "\ufffd" not in name
