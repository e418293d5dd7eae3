"""Care of the SQLite database: backup, vacuum, and all tables as CSV files."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.records import open_records
from fext_engine.records.database import own_tables
from fext_engine.workspace import Workspace, atomic_folder, timestamp


def back_up(workspace: Workspace) -> Path:
    """Copy the database into database/metadata/backups, also while jobs write to it; return the copy's path."""
    target = workspace.database.parent / "backups" / f"fext_{timestamp()}.sqlite"
    unfinished = target.with_name(f".{target.name}.tmp")
    with _errors("back up", workspace):
        target.parent.mkdir(exist_ok=True)
        try:
            with (
                closing(sqlite3.connect(_existing(workspace))) as source,
                closing(sqlite3.connect(unfinished)) as copy,
            ):
                source.backup(copy)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    return target


def vacuum(workspace: Workspace) -> tuple[int, int]:
    """Rewrite the database without its gaps; return its bytes before and after.

    Raises FextError while a job writes to it, or when the disk has no room for the copy that this takes.
    """
    path = _existing(workspace)
    with _errors("vacuum", workspace), open_records(path) as records:
        records.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat().st_size
        records.connection.execute("VACUUM")
        records.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, path.stat().st_size


def export_tables(workspace: Workspace) -> Path:
    """Write every table as CSV (UTF-8, a heading line; binary columns as hexadecimal); return their folder."""
    folder = workspace.database.parent / f"tables_{timestamp()}"
    with _errors("export", workspace), open_records(_existing(workspace)) as records:
        connection = records.connection
        connection.execute("BEGIN")  # one state of all tables, whatever jobs write meanwhile
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
        with atomic_folder(folder) as unfinished:
            for table in sorted({name for (name,) in tables} & own_tables()):
                _export(connection, table, unfinished / f"{table}.csv")
        connection.rollback()
    return folder


def _export(connection: sqlite3.Connection, table: str, file: Path) -> None:
    rows = connection.execute(f'SELECT * FROM "{table}"')  # a name from sqlite_master, of our own schema
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(column[0] for column in rows.description)
        writer.writerows([value.hex() if isinstance(value, bytes) else value for value in row] for row in rows)


def _existing(workspace: Workspace) -> Path:
    if not workspace.database.exists():
        raise FextError("there is no database yet", "`fext analyze` or `fext train` makes one")
    return workspace.database


@contextmanager
def _errors(task: str, workspace: Workspace) -> Iterator[None]:
    """Say what SQLite or the disk refused, and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        busy = "locked" in str(error) or "busy" in str(error)
        raise FextError(
            f"cannot {task} the database: {error}",
            "try again when no job runs" if busy else "check the free space; a backup may be of help",
        ) from error
    except OSError as error:
        shown = escape_name(str(workspace.database.parent))
        raise FextError(
            f"cannot {task} the database: {error.strerror or error}", f"make {shown} writable, or free some space"
        ) from error
