"""Forgetting the records of things that were removed from disk."""

from __future__ import annotations

from pathlib import Path

from fext_engine.paths import escape_name
from fext_engine.records.database import Records

_STATEMENTS = {
    "run": "DELETE FROM runs WHERE name = ?",  # its epochs go with it
    "encoding": "DELETE FROM encodings WHERE path = ?",
    "job": "DELETE FROM jobs WHERE id = ?",
    "report": "DELETE FROM reports WHERE name = ?",
}


def forget(records: Records, kind: str, folder: Path) -> None:
    """Delete what is recorded of the `run`, `encoding`, `job` or `report` that was in `folder`."""
    key = str(folder) if kind == "encoding" else folder.name
    with records.connection as connection:
        connection.execute(_STATEMENTS[kind], (escape_name(key),))
