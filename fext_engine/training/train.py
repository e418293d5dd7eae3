"""The verbs `train` and `resume`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fext_engine.errors import FextError
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.settings import Settings
from fext_engine.training.cache import PixelCache
from fext_engine.training.checkpoints import read_position
from fext_engine.training.data import choose_images, read_pixels
from fext_engine.training.device import choose_device
from fext_engine.training.history import EpochRecord, best_epoch
from fext_engine.training.image_folder import describe_files, find_images
from fext_engine.training.memory import choose_batch_size
from fext_engine.training.recording import RunRecorder
from fext_engine.training.run_folder import (
    RunFolder,
    SplitRow,
    create_next_run,
    read_split,
    run_name,
    write_csv,
)
from fext_engine.training.tensorboard import open_tensorboard, write_epoch
from fext_engine.training.trainer import Trainer
from fext_engine.training.within_memory import within_memory


def train(job: Job) -> dict[str, Any]:
    """Train a new run. Arguments: `name`, optional. Returns the run's name and its last and best figures."""
    settings, ranks = job.settings, job.ranks
    if job.before and job.before.run and job.workspace.run(job.before.run).is_dir():
        return _go_on(job, RunFolder(job.workspace.run(job.before.run)), settings.training.epochs)
    device = choose_device(settings.device, ranks)
    name = job.arguments.get("name")
    ranks.by_leader(lambda: run_name(job.workspace, settings.model.name, name))  # what will not do is refused at once
    root, used, sides = ranks.by_leader(lambda: choose_images(job))
    split = read_pixels(job, settings, root, used, sides)
    settings = settings.with_options({"dataset.images": str(root)})
    automatic = settings.training.batch_size == "auto"
    settings = ranks.by_leader(
        lambda: choose_batch_size(settings, len(split.train), device, job.log, ranks.count)
    )

    def create() -> RunFolder:
        run = create_next_run(job.workspace, name, settings, split.rows())
        _note_left_out(job, run, split.cache)
        return run

    run = ranks.by_leader(create)
    job.belongs_to(run.name)

    def work(settings: Settings) -> dict[str, Any]:
        trainer = Trainer(job, run, settings, split.sets(), device)
        if run.pointed("last"):
            trainer.restore()
        return _fit(job, run, trainer, settings.training.epochs)

    with _locked(job, run):
        return within_memory(job, run, settings, automatic, work)


def resume(job: Job) -> dict[str, Any]:
    """Train a run further, by its own configuration and split. Arguments: `run`, and `epochs`, optional.

    `epochs` are counted from the last whole epoch: one that was stopped midway is the first of them. The
    device is the one that the job's settings choose, since the run may have come from another machine.
    """
    run = RunFolder(job.workspace.find_run(str(job.arguments["run"])))
    epochs = int(job.arguments.get("epochs") or job.settings.session.additional_epochs)
    if epochs < 1:
        raise FextError(f"{epochs} epochs cannot be trained", "give --epochs a number from 1 on")
    return _go_on(job, run, job.before.epochs if job.before else None, epochs)


def _go_on(job: Job, run: RunFolder, planned: int | None, more: int = 0) -> dict[str, Any]:
    """Train a run from its last checkpoint, to `planned` epochs in all or by so many `more`.

    A run that a restart found without any checkpoint begins once more.
    """
    device = choose_device(job.settings.device, job.ranks)
    settings = run.settings()
    job.belongs_to(run.name)
    with _locked(job, run):
        rows = read_split(run)
        root = find_images(job, settings, rows)
        files = describe_files(job, root, rows)
        sides = tuple([r.path for r in rows if r.split == side] for side in ("train", "validation"))
        split = read_pixels(job, settings, root, files, (sides[0], sides[1]))
        _tell_changed(job, rows, split.cache)
        if automatic := settings.training.batch_size == "auto":  # written there by hand
            settings = job.ranks.by_leader(
                lambda: choose_batch_size(settings, len(split.train), device, job.log, job.ranks.count)
            )
            job.ranks.by_leader(lambda: run.write_settings(settings))
        checkpoint = run.pointed("last")
        whole = planned or more + (read_position(checkpoint).epoch if checkpoint else 0)

        def work(settings: Settings) -> dict[str, Any]:
            trainer = Trainer(job, run, settings, split.sets(), device)
            if job.before is None or run.pointed("last"):
                trainer.restore()
            return _fit(job, run, trainer, whole)

        return within_memory(job, run, settings, automatic, work)


def _locked(job: Job, run: RunFolder) -> AbstractContextManager[None]:
    """The run's lock, which the process that leads holds for all."""
    return run.locked() if job.ranks.leads else nullcontext()


def _note_left_out(job: Job, run: RunFolder, cache: PixelCache) -> None:
    if cache.left_out:
        write_csv(
            run.left_out, ("path", "status", "reason"), [(i.path, i.status, i.reason) for i in cache.left_out]
        )
        job.artifact(run.left_out, "table")


def _tell_changed(job: Job, rows: Sequence[SplitRow], cache: PixelCache) -> None:
    now = dict(zip(cache.paths, cache.digests, strict=True))
    changed = [row.path for row in rows if now.get(row.path, row.digest) != row.digest]
    if changed:
        shown = ", ".join(changed[:5])
        job.log(f"{len(changed)} images have changed since the run began: {shown}", "warning")


def _fit(job: Job, run: RunFolder, trainer: Trainer, planned_epochs: int) -> dict[str, Any]:
    several = f" and {job.ranks.count - 1} more" if job.ranks.count > 1 else ""
    counts = f"{len(trainer.train_data)} training and {len(trainer.validation_data)} validation images"
    job.log(f"{run.name}: {trainer.settings.model.name} on {trainer.device}{several}, {counts}")
    if not job.ranks.leads:
        trainer.fit(planned_epochs, lambda record: None)
        return {}
    with (
        RunRecorder(job, run, trainer.settings, planned_epochs, trainer.history) as recorder,
        open_tensorboard(job, run, trainer.settings.training.tensorboard) as curves,
    ):

        def note(record: EpochRecord) -> None:
            recorder.add(record)
            write_epoch(curves, record)

        trainer.fit(planned_epochs, note)
    best, last = best_epoch(trainer.history), trainer.history[-1]
    assert best is not None
    job.artifact(run.path, "run")
    return {
        "run": run.name, "folder": escape_name(str(run.path)), "epochs": trainer.position.epoch,
        "best_epoch": best.epoch, "best_val_loss": best.val_loss, "val_mae": last.val_mae, "val_psnr": last.val_psnr,
        "train_images": len(trainer.train_data), "validation_images": len(trainer.validation_data),
        "left_out": len(trainer.train_data.cache.left_out),
    }  # fmt: skip
