"""The database as a list on the screen keeps it open: a fault of it empties the list, and does not end the app."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fext_engine.errors import FextError
from fext_tui.notices import LOGGER

if TYPE_CHECKING:
    from fext_engine.records import Records

T = TypeVar("T")


class KeptRecords:
    """A connection of the thread that asks first, opened then."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._records: Records | None = None
        self._failed = False

    def ask(self, question: Callable[[Records], T], otherwise: T) -> T:
        """Answer a question; `otherwise` once the database could not be read, which is told once."""
        if self._failed:
            return otherwise
        try:
            if self._records is None:
                from fext_engine.records import open_records

                self._records = open_records(self._database)
            return question(self._records)
        except (FextError, sqlite3.Error) as error:
            self._failed = True
            logging.getLogger(LOGGER).warning("the list cannot be read on: %s", self._closed(error))
            return otherwise

    def _closed(self, error: Exception) -> Exception:
        """Close the connection as its block would be left: what is damaged is made anew."""
        try:
            if self._records is not None:
                self._records.__exit__(type(error), error, None)
        except FextError as known:
            return known
        return error
