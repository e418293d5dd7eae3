"""Opening the SQLite database: write-ahead log, migrations, and errors that a user can act on."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.records.genuine import require_genuine
from fext_engine.records.schema import MIGRATIONS

BUSY_SECONDS = 30.0
_EXPLAINED = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
)  # fmt: skip
T = TypeVar("T")


class DatabaseRebuilt(FextError):
    """The database was damaged and is made anew, here or by another process: to be asked again."""


class Records:
    """An open database. Use it as a context manager; queries live in the modules beside this one."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path
        self._identity = identity(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it. A fault of the file or the disk is raised as the FextError that says what to do."""
        self.connection.close()
        if isinstance(error, sqlite3.Error) and _code(error) in _EXPLAINED:
            if is_damage(error):
                rebuild_damaged(self.path, self._identity, str(error))
            raise explain(error, self.path) from error
        if error is None and identity(self.path) != self._identity:
            raise _rebuilt(self.path)


def open_records(path: Path) -> Records:
    """Open (and create or migrate) the database at `path`; a damaged one is moved aside and made anew.

    Rows come as `sqlite3.Row`; `with records.connection:` is one transaction. Where the folder cannot be
    written what is there can be looked at. Raises FextError when the file cannot be opened, is locked for
    long, or was written by a newer FeXT.
    """
    before = identity(path)
    try:
        return _open(path)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise explain(error, path) from error
        found = error
    from fext_engine.records.recovery import recover

    recover(path, before, str(found))
    try:
        return _open(path)
    except sqlite3.Error as error:
        raise explain(error, path) from error


def with_records(path: Path, work: Callable[[Records], T]) -> T:
    """Open the database, do the work and close it; once more where it was found damaged and made anew."""
    try:
        with open_records(path) as records:
            return work(records)
    except DatabaseRebuilt:
        with open_records(path) as records:
            return work(records)


def rebuild_damaged(path: Path, before: tuple[int, int] | None, reason: str) -> None:
    """Make the database anew that a query found damaged, and raise DatabaseRebuilt."""
    from fext_engine.records.recovery import recover

    recover(path, before, reason)
    raise _rebuilt(path)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file's content is not that of a database."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def explain(error: sqlite3.Error, path: Path) -> FextError:
    """Say what SQLite met in words, with the way out."""
    shown = escape_name(str(path))
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return FextError(
                f"the database {shown} is locked by another program ({error})",
                "end what holds it, such as a viewer of databases or a backup, and try again",
            )
        case sqlite3.SQLITE_FULL:
            return FextError(
                f"the database {shown} cannot be written: {error}", "free some space there and try again"
            )
        case sqlite3.SQLITE_READONLY:
            return FextError(
                f"the database {shown} cannot be written: {error}",
                "make it and its folder writable, or use other resources: --resources DIR",
            )
        case sqlite3.SQLITE_IOERR:
            return FextError(
                f"the database {shown} cannot be used: {error}",
                "check that disk: its space, your quota on it, its health",
            )
        case sqlite3.SQLITE_CANTOPEN:
            return FextError(
                f"cannot open the database {shown}: {error}",
                "check the folder's permissions, or use other resources: --resources DIR",
            )
    return FextError(
        f"cannot use the database {shown}: {error}", "free some space or make the folder writable"
    )


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another that came into its place; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def unfinished(path: Path) -> Path:
    """Where a new database is made that will be at `path`; while it is there, others wait."""
    return path.with_name(f".{path.stem}_new.sqlite")


def _rebuilt(path: Path) -> DatabaseRebuilt:
    return DatabaseRebuilt(
        f"the database {escape_name(str(path))} was damaged and has been made anew", "try again"
    )


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for an error of Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _open(path: Path) -> Records:
    if unfinished(path).exists():
        from fext_engine.records.recovery import wait_for_recovery

        wait_for_recovery(path)
    try:
        # Every transaction takes its turn at its start: one that reads first and then finds that another process
        # has written meanwhile would fail at once, whatever the timeout.
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level="IMMEDIATE")
        try:
            return _prepared(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.OperationalError as error:
        refused = _code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
        if not refused or not path.is_file() or os.access(path.parent, os.W_OK):
            raise
    return _to_look_at(path)


def _prepared(connection: sqlite3.Connection, path: Path) -> Records:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA trusted_schema = OFF")  # somebody else may have made the file
    try:
        is_new = _migrate(connection, path)
        require_genuine(connection, path, MIGRATIONS)
    except UnicodeDecodeError as error:  # of SQLite's words about a damaged name
        damaged = sqlite3.DatabaseError("a name in it is damaged")
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damaged from error
    records = Records(connection, path)
    if is_new:
        from fext_engine.records.recovery import take_in_files

        take_in_files(records, path)
    return records


def _to_look_at(path: Path) -> Records:
    """The database in a folder that nobody can write: without its log, so without a sign that others read it."""
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(address, uri=True)
    connection.row_factory = sqlite3.Row
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != len(MIGRATIONS):
        connection.close()
        raise FextError(
            f"the database {escape_name(str(path))} is of another version, and its folder cannot be written",
            "make it writable once, or use other resources: --resources DIR",
        )
    return Records(connection, path)


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


def _migrate(connection: sqlite3.Connection, path: Path) -> bool:
    """Bring the tables up to date; True where there were none."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise FextError(
            f"the database {escape_name(str(path))} was written by a newer FeXT",
            "update FeXT, or use other resources",
        )
    is_new = False
    while version < len(MIGRATIONS):
        # The version is read again inside the transaction: another process may have migrated meanwhile.
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version < len(MIGRATIONS):
            is_new = is_new or version == 0
            for statement in _statements(MIGRATIONS[version]):
                connection.execute(statement)
            version += 1
            connection.execute(f"PRAGMA user_version = {version:d}")
        connection.commit()
    return is_new


def _statements(script: str) -> list[str]:
    """Split a script; `executescript` would commit before it and lose the transaction."""
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
