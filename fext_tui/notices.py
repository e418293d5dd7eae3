"""What the records have to say about the database, as notices of the app."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fext_tui.app import FextApp

LOGGER = "fext.records"
_SECONDS = 60.0


class RecordNotices(logging.Handler):
    """Gives a notice of each warning, from whichever thread it comes."""

    def __init__(self, app: FextApp) -> None:
        super().__init__(logging.WARNING)
        self._app = app

    def emit(self, record: logging.LogRecord) -> None:
        self._app.notify(record.getMessage(), title="Database", severity="warning", timeout=_SECONDS)
