"""A run's history: one line an epoch in history.csv, read back exactly as it was."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, fields
from pathlib import Path

from fext_engine.documents import require_file
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
    val_mse: float
    val_ssim: float
    learning_rate: float
    images_per_second: float
    seconds: float

    def values(self) -> dict[str, float]:
        """All figures that are known, by name; not the epoch's number."""
        named = {name: getattr(self, name) for name in COLUMNS[1:]}
        return {name: value for name, value in named.items() if not math.isnan(value)}


COLUMNS = tuple(field.name for field in fields(EpochRecord))
_LATER = ("val_mse", "val_ssim")
"""What the histories of older runs lack."""


def write_history(path: Path, records: list[EpochRecord]) -> None:
    """Write the whole history or nothing; a float is written with all its digits."""
    write_csv(path, COLUMNS, [tuple(getattr(r, name) for name in COLUMNS) for r in records])


def read_history(path: Path) -> list[EpochRecord]:
    """The epochs in order, or none when there is no file; raises FextError naming a damaged one."""
    if not path.exists():
        return []
    try:
        require_file(path)
        with path.open(newline="", encoding="utf-8") as file:
            records = [
                EpochRecord(int(row["epoch"]), **_figures(row)) for row in csv.DictReader(file)
            ]
        for epoch, record in enumerate(records, start=1):
            if record.epoch != epoch:
                raise ValueError(f"epoch {epoch} is missing or out of order")
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise FextError(
            f"cannot read {escape_name(str(path))}: {error}", "restore the file, or train a new run"
        ) from error
    return records


def _figures(row: dict[str, str]) -> dict[str, float]:
    found = {name: float(row[name]) for name in COLUMNS[1:] if name not in _LATER}
    return found | {name: float(row.get(name) or math.nan) for name in _LATER}


def best_epoch(records: list[EpochRecord]) -> EpochRecord | None:
    """The epoch of the lowest validation loss, the first of equals."""
    return min(records, key=lambda r: (r.val_loss, r.epoch), default=None)
