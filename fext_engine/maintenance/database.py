"""Care of the SQLite database: backup, vacuum, and all tables as CSV files."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fext_engine.errors import FextError, room_to_write
from fext_engine.paths import escape_name
from fext_engine.records import open_records
from fext_engine.records.genuine import own_tables
from fext_engine.workspace import Workspace, atomic_folder, free_name, timestamp

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""
_PAGES = 1024  # copied between two words about it
_ROWS = 1000


def size_on_disk(workspace: Workspace) -> int:
    """Bytes of the database with its write-ahead log; raises FextError when there is none."""
    path = existing_database(workspace)
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)


def back_up(workspace: Workspace, progress: Progress | None = None) -> Path:
    """Copy the database into database/metadata/backups, also while jobs write to it; return the copy's path."""

    def tell(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    target = free_name(workspace.database.parent / "backups" / f"fext_{timestamp()}.sqlite")
    unfinished = target.with_name(f".{target.name}.tmp")
    with _errors("back up", workspace):
        target.parent.mkdir(exist_ok=True)
        try:
            with (
                closing(sqlite3.connect(existing_database(workspace))) as source,
                closing(sqlite3.connect(unfinished)) as copy,
            ):
                source.execute("BEGIN")
                source.execute(
                    "SELECT 1 FROM sqlite_master"
                ).fetchone()  # one state, however long the copy takes
                source.backup(copy, pages=_PAGES, progress=tell)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    return target


def vacuum(workspace: Workspace) -> tuple[int, int]:
    """Rewrite the database without its gaps; return its bytes before and after.

    Raises FextError while a job writes to it, or when the disk has no room for the copy that this takes.
    """
    path = existing_database(workspace)
    with _errors("vacuum", workspace), open_records(path) as records:
        records.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat().st_size
        records.connection.execute("VACUUM")
        records.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, path.stat().st_size


def export_tables(workspace: Workspace, progress: Progress | None = None) -> Path:
    """Write every table as CSV (UTF-8, a heading line; binary columns as hexadecimal); return their folder."""
    folder = free_name(workspace.database.parent / f"tables_{timestamp()}")
    with _errors("export", workspace), open_records(existing_database(workspace)) as records:
        connection = records.connection
        connection.execute("BEGIN")  # one state of all tables, whatever jobs write meanwhile
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = sorted({name for (name,) in found} & own_tables())
        counts = [connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables]
        done = 0
        with atomic_folder(folder) as unfinished:
            for table in tables:
                for rows in _export(connection, table, unfinished / f"{table}.csv"):
                    done += rows
                    if progress is not None:
                        progress(done, sum(counts))
        connection.rollback()
    return folder


def _export(connection: sqlite3.Connection, table: str, file: Path) -> Iterator[int]:
    """Write a table and yield, now and then, the number of rows that were written since."""
    rows = connection.execute(f'SELECT * FROM "{table}"')  # a name from sqlite_master, of our own schema
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(column[0] for column in rows.description)
        while some := rows.fetchmany(_ROWS):
            writer.writerows(
                [value.hex() if isinstance(value, bytes) else value for value in row] for row in some
            )
            yield len(some)


def existing_database(workspace: Workspace) -> Path:
    """The database file; raises FextError when there is none yet."""
    if not workspace.database.exists():
        raise FextError("there is no database yet", "`fext analyze` or `fext train` makes one")
    return workspace.database


@contextmanager
def _errors(task: str, workspace: Workspace) -> Iterator[None]:
    """Say what SQLite or the disk refused, and what to do."""
    shown = escape_name(str(workspace.database))
    try:
        yield
    except sqlite3.Error as error:
        busy = "locked" in str(error) or "busy" in str(error)
        raise FextError(
            f"cannot {task} the database {shown}: {error}",
            "try again when no job runs" if busy else "check the free space; a backup may be of help",
        ) from error
    except OSError as error:
        raise FextError(
            f"cannot {task} the database {shown}: {error.strerror or error}", room_to_write(error)
        ) from error
