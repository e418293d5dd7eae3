"""How much room files and folders take."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Watch = Callable[[int, int], None]
"""Told the files and bytes that were counted so far, now and then; what it raises ends the counting."""
WATCH_FILES = 2000


class Scale:
    """Adds up bytes and says now and then how far it is."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._files = self._bytes = 0

    def weigh(self, path: Path) -> int:
        """Bytes of all files under `path`; links count as themselves and are not followed."""
        before = self._bytes
        try:
            if is_real_folder(path):
                for folder, _, files in os.walk(path):
                    for name in files:
                        self._add(os.path.join(folder, name))  # noqa: PTH118 - a million of them
            else:
                self._add(path)
        except OSError:
            pass
        return self._bytes - before

    def _add(self, file: str | Path) -> None:
        with suppress(OSError):  # gone meanwhile, or not ours to see
            self._bytes += os.lstat(file).st_size
        self._files += 1
        if self._watch is not None and self._files % WATCH_FILES == 0:
            self._watch(self._files, self._bytes)


def is_real_folder(path: Path) -> bool:
    """Whether `path` is a folder and no link to one; raises OSError when it is not there."""
    return stat.S_ISDIR(path.lstat().st_mode)
