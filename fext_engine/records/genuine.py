"""Whether a database has the tables that FeXT makes, and nothing that would act in a stranger's name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.records.schema import MIGRATIONS


def require_genuine(connection: sqlite3.Connection, path: Path, migrations: tuple[str, ...]) -> None:
    """Refuse a database that is not FeXT's: what queries of it gave and triggers did would be anyone's guess."""
    found, wanted, own = frozenset(_described(connection)), _schema(migrations), own_tables()
    strange = [row for row in found - wanted if row[0] != "table" or row[1] in own]
    if others := [*(wanted - found), *strange]:
        shown, (kind, name) = escape_name(str(path)), others[0][:2]
        raise FextError(
            f"the database {shown} is not FeXT's: its {kind} {escape_name(str(name))} is missing or another",
            "move the file away; `fext analyze` builds a new one, and runs are kept in their own folders",
        )


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
