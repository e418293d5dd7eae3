"""What a job says while it runs: events, one JSON line each in the job's `events.jsonl`."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

Kind = Literal[
    "started", "progress", "metric", "sample", "log", "artifact", "finished", "failed", "stopped"
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)
TERMINAL: frozenset[str] = frozenset({"finished", "failed", "stopped"})
EVENTS_FILE = "events.jsonl"


@dataclass(frozen=True)
class Event:
    """One thing that happened in a job. `time` is in seconds since 1970; `data` holds plain JSON values."""

    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=time.time)

    def to_json(self) -> str:
        """One line of ASCII JSON; a value that JSON has no word for (nan, a path) becomes null or text."""
        record = {"kind": self.kind, "time": round(self.time, 3), **self.data}
        try:
            return json.dumps(record, allow_nan=False, default=str)
        except ValueError:
            return json.dumps(_without_nan(record), default=str)


def parse_event(line: str | bytes) -> Event | None:
    """Return the event of one line, or None for a line that is none (cut off by a crash, or foreign)."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("kind") not in KINDS:
        return None
    moment = record.pop("time", 0.0)
    kind = cast(Kind, record.pop("kind"))
    return Event(kind, record, float(moment) if isinstance(moment, int | float) else 0.0)


class EventReader:
    """Reads a growing events file from where the last read ended; never yields half a line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / EVENTS_FILE
        self._offset = 0

    def read(self, limit: int = 4 << 20) -> list[Event]:
        """Return the events that are new, at most about `limit` bytes of them."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                block = file.read(limit)
        except FileNotFoundError:
            return []
        whole = block.rfind(b"\n") + 1
        self._offset += whole
        return [event for line in block[:whole].splitlines() if (event := parse_event(line))]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
