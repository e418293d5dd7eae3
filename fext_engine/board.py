"""What the processes of one job leave for each other in its folder without waiting: how far they are, a call to end."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

SECONDS = 1.0
"""How often a process says how far it is, and the leading one looks."""

_CALL = "called_off"


class Board:
    """The board of process `number` of `count`, in the folder of their job, which is on a file system they share."""

    def __init__(self, folder: Path, number: int, count: int) -> None:
        self._folder, self._number, self._count = folder, number, count
        self._at = -SECONDS
        self._stage, self._others = "", 0

    def clear(self) -> None:
        """Forget what is there of an earlier start."""
        for file in [self._folder / _CALL, *map(self._file, range(self._count))]:
            file.unlink(missing_ok=True)

    def add_up(self, stage: str, done: int) -> int:
        """Say that this process has done so many of a stage; for the leading one, how many all have done.

        What the others say is known within a few seconds.
        """
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._others, self._at = stage, 0, -SECONDS
        if now - self._at >= SECONDS:
            self._at = now
            if self._number:
                with suppress(OSError):  # a full disk: the work itself meets it too
                    self._file(self._number).write_text(f"{done} {stage}")
            else:
                self._others = sum(self._said(number, stage) for number in range(1, self._count))
        return done + self._others

    def call_off(self) -> None:
        """Let all processes end what they share."""
        with suppress(OSError):
            (self._folder / _CALL).touch()

    @property
    def called_off(self) -> bool:
        """Whether one of them did."""
        return (self._folder / _CALL).exists()

    def _file(self, number: int) -> Path:
        return self._folder / f"done_{number}"

    def _said(self, number: int, stage: str) -> int:
        with suppress(OSError, ValueError):
            done, _, about = self._file(number).read_text().partition(" ")
            return int(done) if about == stage else 0
        return 0
