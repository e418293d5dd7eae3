"""The verbs `train` and `resume`."""

from __future__ import annotations

from collections.abc import Sequence
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
from fext_engine.training.run_folder import RunFolder, SplitRow, create_run, read_split, run_name, write_csv
from fext_engine.training.tensorboard import open_tensorboard, write_epoch
from fext_engine.training.trainer import Trainer
from fext_engine.training.within_memory import within_memory


def train(job: Job) -> dict[str, Any]:
    """Train a new run. Arguments: `name`, optional. Returns the run's name and its last and best figures."""
    settings = job.settings
    device = choose_device(settings.device)
    name = run_name(job.workspace, settings.model.name, job.arguments.get("name"))
    root, used, sides = choose_images(job)
    split = read_pixels(job, settings, root, used, sides)
    settings = settings.with_options({"dataset.images": str(root)})
    automatic = settings.training.batch_size == "auto"
    settings = choose_batch_size(settings, len(split.train), device, job.log)
    run = create_run(job.workspace, name, settings, split.rows())
    _note_left_out(job, run, split.cache)
    job.belongs_to(name)

    def work(settings: Settings) -> dict[str, Any]:
        trainer = Trainer(job, run, settings, split.sets(), device)
        if run.pointed("last"):
            trainer.restore()
        return _fit(job, run, trainer, settings.training.epochs)

    with run.locked():
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
    device = choose_device(job.settings.device)
    settings = run.settings()
    job.belongs_to(run.name)
    with run.locked():
        rows = read_split(run)
        root = find_images(job, settings, rows)
        files = describe_files(job, root, rows)
        sides = tuple([r.path for r in rows if r.split == side] for side in ("train", "validation"))
        split = read_pixels(job, settings, root, files, (sides[0], sides[1]))
        _tell_changed(job, rows, split.cache)
        if automatic := settings.training.batch_size == "auto":  # written there by hand
            settings = choose_batch_size(settings, len(split.train), device, job.log)
            run.write_settings(settings)
        checkpoint = run.pointed("last")
        planned = epochs + (read_position(checkpoint).epoch if checkpoint else 0)

        def work(settings: Settings) -> dict[str, Any]:
            trainer = Trainer(job, run, settings, split.sets(), device)
            trainer.restore()
            return _fit(job, run, trainer, planned)

        return within_memory(job, run, settings, automatic, work)


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
    counts = f"{len(trainer.train_data)} training and {len(trainer.validation_data)} validation images"
    job.log(f"{run.name}: {trainer.settings.model.name} on {trainer.device}, {counts}")
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
