"""What a job says while it runs: events, one JSON line each in the job's `events.jsonl`."""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from fext_engine.workspace import naming

Kind = Literal[
    "started", "progress", "metric", "sample", "log", "artifact", "finished", "failed", "stopped"
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)
TERMINAL: frozenset[str] = frozenset({"finished", "failed", "stopped"})
EVENTS_FILE = "events.jsonl"
READ_BYTES = 256 << 10  # at once: a long job's events, read again, must not fill the memory
LATEST = 253_402_214_400.0
"""The end of the year 9999 in seconds since 1970: later times are no dates."""
_NUMBERS, _TEXTS, _TABLES = ("done", "total", "rate", "eta", "epoch", "epochs"), ("run", "verb"), ("values", "summary")
_LARGEST = 1e300  # nan and infinity are not below it
ENDED_AT_ONCE = {"message": "ended at once, on request; what was saved before is kept", "resumable": False}


@dataclass(frozen=True)
class Event:
    """One thing that happened in a job. `time` is in seconds since 1970; `data` holds plain JSON values."""

    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=time.time)

    def to_json(self) -> str:
        """One line of ASCII JSON; numpy's numbers become plain ones, nan null, anything else text."""
        record = {"kind": self.kind, "time": round(self.time, 3), **self.data}
        try:
            return json.dumps(record, allow_nan=False, default=_plain)
        except ValueError:
            return json.dumps(_without_nan(record), default=str)


def parse_event(line: str | bytes) -> Event | None:
    """Return the event of one line, or None for a line that is none (cut off by a crash, or foreign)."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("kind") not in KINDS or not _is_sound(record):
        return None
    moment = record.pop("time", 0.0)
    kind = cast(Kind, record.pop("kind"))
    return Event(kind, record, moment if isinstance(moment, float) and 0 <= moment < LATEST else 0.0)


def _is_sound(record: dict[str, Any]) -> bool:
    """Whether what readers calculate with is of its type: somebody else may have written the line."""
    numbers = all(_is_number(record.get(name)) for name in _NUMBERS)
    texts = all(isinstance(record.get(name, ""), str | None) for name in _TEXTS)
    tables = [record.get(name) or {} for name in _TABLES]
    return numbers and texts and all(isinstance(table, dict) for table in tables) and all(
        _is_number(value) for value in (record.get("values") or {}).values()
    )


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and abs(value) < _LARGEST)


class EventWriter:
    """Appends events to a job's file, each in one write, so that a signal or a full disk tears none in two."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS_FILE
        self._file = self._path.open("ab+", buffering=0)
        if self._file.seekable() and self._file.tell():
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":  # the writer before was killed in the middle of a line
                self._file.write(b"\n")

    def write(self, event: Event) -> None:
        """Append one event; the rare and important ones are on disk when this returns."""
        with naming(self._path):
            self._append(event.to_json().encode() + b"\n")
            if event.kind in ("metric", *TERMINAL):
                os.fsync(self._file.fileno())

    def _append(self, line: bytes) -> None:
        before = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError:
            with suppress(OSError):  # a full disk took a part: the next line must not come behind half a one
                self._file.truncate(before)
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class EventReader:
    """Reads a growing events file from where the last read ended; never yields half a line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / EVENTS_FILE
        self._offset = 0

    def read(self, limit: int = READ_BYTES) -> list[Event]:
        """Return the events that are new, at most about `limit` bytes of them."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                block = file.read(limit)
        except FileNotFoundError:
            return []
        whole = block.rfind(b"\n") + 1
        if not whole and len(block) == limit:  # one line longer than the limit
            return self.read(limit * 2)
        self._offset += whole
        return [event for line in block[:whole].splitlines() if (event := parse_event(line))]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else str(value)


def _without_nan(value: Any) -> Any:
    if hasattr(value, "item"):
        value = _plain(value)
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
