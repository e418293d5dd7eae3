"""Opening the SQLite database: write-ahead log, migrations, and errors that a user can act on."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.records.schema import MIGRATIONS

BUSY_SECONDS = 30.0


class Records:
    """An open database. Use it as a context manager; queries live in the modules beside this one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()


def open_records(path: Path) -> Records:
    """Open (and create or migrate) the database at `path`.

    Rows come as `sqlite3.Row`; `with records.connection:` is one transaction. Raises FextError when the
    file cannot be opened, is damaged, or was written by a newer FeXT.
    """
    shown = escape_name(str(path))
    try:
        # Every transaction takes its turn at its start: one that reads first and then finds that another process
        # has written meanwhile would fail at once, whatever the timeout.
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level="IMMEDIATE")
    except sqlite3.Error as error:
        raise FextError(
            f"cannot open the database {shown}: {error}", "check the folder's permissions"
        ) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        _migrate(connection, shown)
    except sqlite3.Error as error:
        connection.close()
        way_out = "free some space or make the folder writable"
        if "malformed" in str(error) or "not a database" in str(error):
            way_out = (
                "move the file away; `fext analyze` builds a new one, and runs are kept in their own folders"
            )
        raise FextError(f"cannot use the database {shown}: {error}", way_out) from error
    except FextError:
        connection.close()
        raise
    return Records(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Use a write-ahead log. SQLite does not wait for another process that does so for the first time just now."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _migrate(connection: sqlite3.Connection, shown: str) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise FextError(
            f"the database {shown} was written by a newer FeXT", "update FeXT, or use other resources"
        )
    while version < len(MIGRATIONS):
        # The version is read again inside the transaction: another process may have migrated meanwhile.
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version < len(MIGRATIONS):
            for statement in _statements(MIGRATIONS[version]):
                connection.execute(statement)
            version += 1
            connection.execute(f"PRAGMA user_version = {version:d}")
        connection.commit()


def _statements(script: str) -> list[str]:
    """Split a script; `executescript` would commit before it and lose the transaction."""
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
