"""What a job had done before its processes were started anew, by its own events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fext_engine.jobs.events import EventReader


@dataclass(frozen=True)
class Before:
    """The run that the job had made or gone on with, and to how many epochs it was to be trained; None: not known."""

    run: str | None = None
    epochs: int | None = None


def what_went_before(folder: Path) -> Before | None:
    """Of a job that was interrupted; None when it had not begun, or had done all it was to do."""
    reader, run, epochs, begun = EventReader(folder), None, None, False
    while events := reader.read():
        begun = True
        for event in events:
            run = event.data.get("run") or run
            if event.kind == "metric":
                epochs = event.data.get("epochs") or epochs
            if event.kind == "finished":
                return None
    return Before(run, epochs) if begun else None
