"""Log files that rotate, and a file for each crash, in the logs folder of the resources."""

from __future__ import annotations

import logging
import platform
import sys
import traceback
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from fext_engine import __version__
from fext_engine.workspace import free_name, mark_newest, timestamp, write_atomic

LOG_BYTES = 1 << 20
LOG_FILES = 4
CRASH_FILES = 10


class _QuietHandler(RotatingFileHandler):
    """A log that cannot be written (a full disk) neither ends the work nor prints over the screen."""

    def handleError(self, record: logging.LogRecord) -> None:
        return


def start_logging(folder: Path, name: str) -> logging.Logger:
    """Send the logger `fext` to `folder`/`name`.log, beside which older files are kept; return the logger."""
    logger = logging.getLogger("fext")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        with suppress(OSError):  # what it could not write to a full disk
            old.close()
    handler = _QuietHandler(
        folder / f"{name}.log",
        maxBytes=LOG_BYTES,
        backupCount=LOG_FILES,
        encoding="utf-8",
        errors="backslashreplace",
        delay=True,
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def write_crash(folder: Path, error: BaseException) -> Path | None:
    """Write the traceback of `error` to a file of its own; None when that cannot be done."""
    lines = [
        f"FeXT {__version__}, Python {platform.python_version()}, {platform.platform()}\n",
        f"{sys.argv!a}\n\n",
        *traceback.format_exception(error),
    ]
    path = free_name(folder / f"crash_{timestamp()}.txt")
    try:
        write_atomic(path, "".join(lines).encode("utf-8", "backslashreplace"))
    except OSError:
        return None
    mark_newest(path, _crashes(folder))
    for old in _crashes(folder)[:-CRASH_FILES]:
        with suppress(OSError):
            old.unlink()
    return path


def last_crash(folder: Path) -> Path | None:
    """The newest crash file, if there is one."""
    return next(iter(_crashes(folder)[::-1]), None)


def _crashes(folder: Path) -> list[Path]:
    """From the oldest to the newest."""
    found = []
    for path in folder.glob("crash_*.txt"):
        with suppress(OSError):
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]
