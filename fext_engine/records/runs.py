"""Records of runs and their epochs, for lists and curves; the truth is in each run's own folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from fext_engine.records.database import Records

FIGURES = (
    "loss", "val_loss", "mae", "val_mae", "cosine", "val_cosine", "val_psnr", "val_mse", "val_ssim",
    "learning_rate", "images_per_second", "seconds",
)  # fmt: skip
"""What is recorded of an epoch."""


@dataclass(frozen=True)
class RunRecord:
    """What is known of a run when it starts, goes on or ends.

    `state`: running, finished, stopped, failed or interrupted.
    """

    name: str
    model: str
    state: str
    epochs_planned: int
    images: str
    configuration: str


@dataclass(frozen=True)
class RunSummary(RunRecord):
    """A run as a list shows it; times are seconds since 1970, `note` is the person's own."""

    started_at: float
    updated_at: float
    epochs_done: int
    best_epoch: int | None
    best_val_loss: float | None
    note: str


def upsert_run(records: Records, run: RunRecord) -> None:
    """Write what is known of a run now; the time it started stays."""
    with records.connection as connection:
        connection.execute(
            """
            INSERT INTO runs (name, model, state, epochs_planned, images, configuration, started_at, updated_at)
            VALUES (:name, :model, :state, :planned, :images, :configuration, :now, :now)
            ON CONFLICT (name) DO UPDATE SET
                model = excluded.model, state = excluded.state, epochs_planned = excluded.epochs_planned,
                images = excluded.images, configuration = excluded.configuration,
                updated_at = excluded.updated_at
            """,
            {
                "name": run.name, "model": run.model, "state": run.state, "planned": run.epochs_planned,
                "images": run.images, "configuration": run.configuration, "now": time.time(),
            },
        )  # fmt: skip


def set_epochs(records: Records, run: str, epochs: Mapping[int, Mapping[str, float]]) -> None:
    """Make `epochs`, figures by the epoch's number, all that is recorded of a run's history."""
    with records.connection as connection:
        connection.execute("DELETE FROM epochs WHERE run = ?", (run,))
        connection.executemany(_INSERT_EPOCH, [_epoch_row(run, n, values) for n, values in epochs.items()])


def add_epoch(records: Records, run: str, epoch: int, values: Mapping[str, float]) -> None:
    """Record the figures of one epoch, counted from 1; unknown ones are not kept."""
    with records.connection as connection:
        connection.execute(_INSERT_EPOCH, _epoch_row(run, epoch, values))
        connection.execute("UPDATE runs SET updated_at = ? WHERE name = ?", (time.time(), run))


def record_interrupted(records: Records, run: str) -> None:
    """Record that the job which trained a run was ended at once; nothing changes where its end is recorded already."""
    with records.connection as connection:
        connection.execute("UPDATE runs SET state = 'interrupted' WHERE name = ? AND state = 'running'", (run,))


def set_note(records: Records, run: str, note: str) -> None:
    """Record a run's note."""
    with records.connection as connection:
        connection.execute("UPDATE runs SET note = ? WHERE name = ?", (note, run))


def rename_run(records: Records, run: str, name: str) -> None:
    """Call `run`, and what was made with it, `name` from now on, within a transaction that the caller ends.

    Raises sqlite3.IntegrityError when a run of that name is recorded.
    """
    connection = records.connection
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("PRAGMA defer_foreign_keys = ON")  # the epochs follow their run
    connection.execute("UPDATE runs SET name = ? WHERE name = ?", (name, run))
    for table in ("epochs", "encodings", "jobs"):
        connection.execute(f"UPDATE {table} SET run = ? WHERE run = ?", (name, run))


def forget_run(records: Records, run: str) -> None:
    """Remove what is recorded of a run, its epochs with it."""
    with records.connection as connection:
        connection.execute("DELETE FROM runs WHERE name = ?", (run,))


def list_runs(records: Records) -> list[RunSummary]:
    """All recorded runs, the one that changed last first."""
    rows = records.connection.execute(
        """
        SELECT runs.name, model, state, epochs_planned, images, configuration, started_at, updated_at, note,
               coalesce((SELECT max(epoch) FROM epochs WHERE run = runs.name), 0) AS epochs_done,
               best.epoch AS best_epoch, best.val_loss AS best_val_loss
        FROM runs LEFT JOIN epochs AS best ON best.run = runs.name AND best.epoch =
            (SELECT epoch FROM epochs WHERE run = runs.name ORDER BY val_loss, epoch LIMIT 1)
        ORDER BY updated_at DESC, runs.name
        """
    )
    return [RunSummary(**dict(row)) for row in rows]


def epochs_of(records: Records, run: str) -> list[dict[str, float]]:
    """The figures of a run's epochs in order, with `epoch` among them."""
    columns = ", ".join(("epoch", *FIGURES))
    rows = records.connection.execute(f"SELECT {columns} FROM epochs WHERE run = ? ORDER BY epoch", (run,))
    return [dict(row) for row in rows]


_INSERT_EPOCH = (
    f"INSERT OR REPLACE INTO epochs (run, epoch, {', '.join(FIGURES)}) "
    f"VALUES (?, ?, {', '.join('?' * len(FIGURES))})"
)


def _epoch_row(run: str, epoch: int, values: Mapping[str, float]) -> tuple[object, ...]:
    return run, epoch, *(values.get(name) for name in FIGURES)
