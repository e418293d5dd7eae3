"""Opening the SQLite database: write-ahead log, migrations, and errors that a user can act on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

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
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    except sqlite3.Error as error:
        raise FextError(
            f"cannot open the database {shown}: {error}", "check the folder's permissions"
        ) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA trusted_schema = OFF")  # somebody else may have made the file
        _migrate(connection, shown)
        _check(connection, shown)
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of SQLite's words about a damaged name
        connection.close()
        way_out = "free some space or make the folder writable"
        if isinstance(error, UnicodeDecodeError) or any(w in str(error) for w in ("malformed", "not a database")):
            way_out = (
                "move the file away; `fext analyze` builds a new one, and runs are kept in their own folders"
            )
        raise FextError(f"cannot use the database {shown}: {error}", way_out) from error
    except FextError:
        connection.close()
        raise
    return Records(connection)


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


def own_tables() -> frozenset[str]:
    """The names of the tables that FeXT makes."""
    return frozenset(name for kind, name, *_ in _schema(MIGRATIONS) if kind == "table")


@cache
def _schema(migrations: tuple[str, ...]) -> frozenset[tuple[Any, ...]]:
    """What a new database holds: its tables with their columns, its views and triggers."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for migration in migrations:
            connection.executescript(migration)
        return frozenset(_described(connection))


def _described(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    columns = connection.execute(
        "SELECT 'table', t.name, t.strict, c.name, c.type, c.pk FROM pragma_table_list AS t, "
        "pragma_table_info(t.name) AS c WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' "
        "ESCAPE '!'"
    )
    others = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE type IN ('view', 'trigger')")
    return [*map(tuple, columns), *map(tuple, others)]


def _check(connection: sqlite3.Connection, shown: str) -> None:
    """Refuse a database that is not FeXT's: what queries of it gave and triggers did would be anyone's guess."""
    found, wanted, own = frozenset(_described(connection)), _schema(MIGRATIONS), own_tables()
    strange = [row for row in found - wanted if row[0] != "table" or row[1] in own]
    if others := [*(wanted - found), *strange]:
        kind, name = others[0][:2]
        raise FextError(
            f"the database {shown} is not FeXT's: its {kind} {escape_name(str(name))} is missing or another",
            "move the file away; `fext analyze` builds a new one, and runs are kept in their own folders",
        )


def _statements(script: str) -> list[str]:
    """Split a script; `executescript` would commit before it and lose the transaction."""
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
