"""Tells a file that is gone from a folder that is gone: a million files must not be recorded as broken for a disk."""

from __future__ import annotations

import os

from fext_engine.errors import FextError
from fext_engine.paths import escape_name


def require_folder(folder: str | os.PathLike[str]) -> None:
    """Raise FextError when a folder that held images is missing, cannot be listed or is empty.

    Empty is what the place of a disk is once that was unmounted. Cheap enough for every file that is not there.
    """
    try:
        with os.scandir(folder) as entries:
            if any(True for _ in entries):
                return
        state = "is empty all at once"
    except FileNotFoundError:
        state = "is gone"
    except OSError as error:
        state = f"cannot be read any more: {error.strerror}"
    raise FextError(
        f"the images folder {escape_name(os.fspath(folder))} {state}",
        "mount it or put it back, then start again, a training by `fext resume`; nothing was recorded of it",
    )
