"""A run's history: one line an epoch in history.csv, read back exactly as it was."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.training.run_folder import write_csv


@dataclass(frozen=True)
class EpochRecord:
    """The figures of one epoch; those of training are averages over it while the weights moved."""

    epoch: int
    loss: float
    val_loss: float
    mae: float
    val_mae: float
    cosine: float
    val_cosine: float
    val_psnr: float
    learning_rate: float
    images_per_second: float
    seconds: float

    def values(self) -> dict[str, float]:
        """All figures but the epoch's number, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "epoch"}


COLUMNS = tuple(field.name for field in fields(EpochRecord))


def write_history(path: Path, records: list[EpochRecord]) -> None:
    """Write the whole history or nothing; a float is written with all its digits."""
    write_csv(path, COLUMNS, [tuple(getattr(r, name) for name in COLUMNS) for r in records])


def read_history(path: Path) -> list[EpochRecord]:
    """The epochs in order, or none when there is no file; raises FextError naming a damaged one."""
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            records = [
                EpochRecord(int(row["epoch"]), **{name: float(row[name]) for name in COLUMNS[1:]})
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise FextError(
            f"cannot read {escape_name(str(path))}: {error}", "restore the file, or train a new run"
        ) from error
    return records


def best_epoch(records: list[EpochRecord]) -> EpochRecord | None:
    """The epoch of the lowest validation loss, the first of equals."""
    return min(records, key=lambda r: (r.val_loss, r.epoch), default=None)
