"""The runs as a list shows them: its columns, and the filter by a part of their words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from fext_engine.documents import parse_toml
from fext_engine.paths import printable
from fext_engine.records.times import local_time
from fext_tui.widgets.sorted_list import Field
from fext_tui.widgets.text import format_figure

if TYPE_CHECKING:
    from pathlib import Path

    from fext_engine.records.runs import RunSummary

MARK = "●"
_STATES = "running, finished, stopped, failed, interrupted"


def read_runs(database: Path) -> list[RunSummary]:
    """All recorded runs, in a worker thread; raises FextError or sqlite3.Error."""
    from fext_engine.records import Records, with_records
    from fext_engine.records.rebuild import take_in_copied_runs
    from fext_engine.records.runs import list_runs

    def read(records: Records) -> list[RunSummary]:
        take_in_copied_runs(records)
        return list_runs(records)

    runs = with_records(database, read)
    for run in runs:
        image_size(run.configuration)  # remembered, so that drawing need not read it
    return runs


def run_fields(marked: str | None, note_key: str) -> tuple[Field[RunSummary], ...]:
    """The columns of the list of runs, with the name of the marked one; `note_key` writes a note."""

    def name(run: RunSummary) -> str:
        return f"{MARK} {run.name}" if run.name == marked else run.name

    note = f"what you wrote about it ({note_key})"

    return (
        Field("run", 22, name, lambda r: r.name.casefold(), grows=True),
        Field("state", 11, lambda r: r.state, lambda r: r.state, about=_STATES),
        Field("epochs", 9, _epochs, lambda r: r.epochs_done, "right", "trained, of those planned"),
        Field("best", 8, _best, lambda r: r.best_val_loss, "right", "the lowest validation loss"),
        Field("when", 11, _when, lambda r: r.updated_at, about="when it last changed"),
        Field("note", 16, lambda r: r.note, lambda r: r.note.casefold() or None, about=note, grows=True),
        Field("image", 9, _size, lambda r: image_size(r.configuration), "right", "height and width"),
        Field("model", 13, lambda r: r.model, lambda r: r.model, about="the kind of autoencoder"),
    )


def matching(runs: Sequence[RunSummary], words: str) -> list[RunSummary]:
    """The runs that have each of these words, or parts of words, in their name, model, state or note."""
    parts = words.casefold().split()
    return [r for r in runs if all(part in _words(r) for part in parts)]


@lru_cache(maxsize=4096)
def image_size(configuration: str) -> tuple[int, int] | None:
    """Height and width of the images that a run was trained on, by its configuration in TOML."""
    try:
        dataset = parse_toml(configuration)["dataset"]
        return int(dataset["image_height"]), int(dataset["image_width"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def _words(run: RunSummary) -> str:
    return "\n".join((run.name, printable(run.name), run.model, run.state, run.note)).casefold()


def _epochs(run: RunSummary) -> str:
    return f"{run.epochs_done}/{run.epochs_planned}"


def _best(run: RunSummary) -> str:
    return "" if run.best_val_loss is None else format_figure(run.best_val_loss)


def _when(run: RunSummary) -> str:
    """The time of this year, or the date of another."""
    moment = local_time(run.updated_at)
    return f"{moment:%m-%d %H:%M}" if moment.year == datetime.now().year else f"{moment:%Y-%m-%d}"


def _size(run: RunSummary) -> str:
    size = image_size(run.configuration)
    return f"{size[0]} x {size[1]}" if size else ""
