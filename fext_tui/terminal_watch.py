"""Watches the terminal for what signals do not tell: that it is gone, or that it has another size than was told."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from textual.events import Resize
from textual.geometry import Size

if TYPE_CHECKING:
    from fext_tui.app import FextApp

LOOK_SECONDS = 1.0


class TerminalWatch:
    """Looks at the terminal once a second.

    It may go without a signal, as in a container, and reading from it would then never rest. And of two
    changes of its size in quick succession Textual may hear the older one last: the second signal interrupts
    the handler of the first after it has asked for the size.
    """

    def __init__(self, app: FextApp) -> None:
        self._app = app
        self._told: Size | None = None

    def begin(self) -> None:
        """Look from now on."""
        self._app.set_interval(LOOK_SECONDS, self.look)

    def look(self) -> None:
        """End the app without a terminal; tell it a size that it does not have, once."""
        if self._app.is_headless:
            return
        if not (sys.__stdin__ and sys.__stdin__.isatty()):
            self._app.exit()
            return
        size = Size(*shutil.get_terminal_size())  # what Textual's driver asks
        if size == self._app.size:
            self._told = None
        elif size != self._told:
            self._told = size
            self._app.post_message(Resize(size, size))
