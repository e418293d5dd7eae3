"""Output to a terminal that may be gone: what can no longer be written is dropped, so that leaving comes to its end."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, Any

from textual.driver import Driver


class LastingFile:
    """A text file that never fails to be written to.

    Textual's thread for output ends with the first error. What is drawn after that fills its queue, and the
    app waits for room in it for ever, at the latest when it puts the end mark in to leave.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            return self._file.write(text)
        return 0

    def flush(self) -> None:
        """Hand on what can be handed on."""
        with suppress(OSError, ValueError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def lasting(driver: type[Driver]) -> type[Driver]:
    """The same driver, with a file for its output that never fails."""

    class LastingDriver(driver):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            own: Any = self
            own._file = LastingFile(own._file)

    return LastingDriver
