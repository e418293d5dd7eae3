"""TOML, JSON and the like that somebody else may have written: never one that is too large, too deep or no file."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

LARGEST = 256 << 10
"""Bytes of a document; FeXT's own settings have about 3,000."""

_MOST_DOTS = 250  # in a line: `a.a.a. ... = 1` takes tomllib time with the square of its length


def require_file(path: Path, largest: int | None = None) -> None:
    """Raise OSError unless `path` is a regular file (a pipe would be waited for), ValueError if it is too large."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, "it is a folder", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(22, "it is no regular file", str(path))
    if largest is not None and status.st_size > largest:
        raise ValueError(f"it is larger than {largest:,} bytes")


def read_text(path: Path, largest: int = LARGEST) -> str:
    """Read a text in UTF-8; raises OSError, or ValueError for one that is too large or of another encoding."""
    require_file(path, largest)
    with path.open(encoding="utf-8") as file:
        text = file.read(largest + 1)  # it may have grown since
    if len(text) > largest:
        raise ValueError(f"it is larger than {largest:,} bytes")
    return text


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises OSError, or ValueError for what is not TOML or too much of it."""
    return parse_toml(read_text(path))


def parse_toml(text: str) -> dict[str, Any]:
    """The document of a TOML text; raises ValueError for what is not TOML or would take too long."""
    if len(text) > LARGEST:
        raise ValueError(f"it is longer than {LARGEST:,} characters")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count(".") > _MOST_DOTS:
            raise ValueError(f"line {number} has more than {_MOST_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """Read a JSON file; raises OSError, or ValueError for what is not JSON or too much of it."""
    return parse_json(read_text(path, largest))


def parse_json(text: str) -> Any:
    """The value of a JSON text; raises ValueError for what is not JSON or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
