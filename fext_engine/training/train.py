"""The verbs `train` and `resume`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fext_engine.errors import FextError, JobStopped
from fext_engine.images.scan import ScannedFile, scan
from fext_engine.images.split import split_dataset
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.records import open_records
from fext_engine.records.exclusions import excluded_paths
from fext_engine.settings import Settings
from fext_engine.training.augmentation import identities
from fext_engine.training.batches import ImageSet
from fext_engine.training.cache import PixelCache, PixelRequest, open_cache
from fext_engine.training.device import choose_device
from fext_engine.training.history import EpochRecord, best_epoch
from fext_engine.training.image_folder import describe_files, find_images
from fext_engine.training.memory import choose_batch_size
from fext_engine.training.reading import ImageSize, thread_count
from fext_engine.training.recording import RunRecorder
from fext_engine.training.run_folder import RunFolder, SplitRow, create_run, read_split, run_name, write_csv
from fext_engine.training.tensorboard import open_tensorboard, write_epoch
from fext_engine.training.trainer import Trainer

_NAMED = 100  # broken files named in the log; left_out.csv has them all


@dataclass(frozen=True)
class _Split:
    """Paths of the images on each side, and what was read of them all."""

    train: list[str]
    validation: list[str]
    cache: PixelCache

    def rows(self) -> list[SplitRow]:
        digests = dict(zip(self.cache.paths, self.cache.digests, strict=True))
        sides = (("train", self.train), ("validation", self.validation))
        return [SplitRow(path, name, digests[path]) for name, paths in sides for path in paths]

    def sets(self) -> tuple[ImageSet, ImageSet]:
        rows = {path: row for row, path in enumerate(self.cache.paths)}

        def choose(paths: list[str]) -> ImageSet:
            return ImageSet(self.cache, np.array([rows[p] for p in paths]), identities(paths))

        return choose(self.train), choose(self.validation)


def train(job: Job) -> dict[str, Any]:
    """Train a new run. Arguments: `name`, optional. Returns the run's name and its last and best figures."""
    settings = job.settings
    device = choose_device(settings.device)
    name = run_name(job.workspace, settings.model.name, job.arguments.get("name"))
    root, used, sides = choose_images(job)
    split = _read_pixels(job, settings, root, used, sides)
    settings = settings.with_options({"dataset.images": str(root)})
    settings = choose_batch_size(settings, len(split.train), device, job.log)
    run = create_run(job.workspace, name, settings, split.rows())
    _note_left_out(job, run, split.cache)
    job.belongs_to(name)
    with run.locked():
        trainer = Trainer(job, run, settings, split.sets(), device)
        return _fit(job, run, trainer, settings.training.epochs)


def choose_images(job: Job) -> tuple[Path, list[ScannedFile], tuple[list[str], list[str]]]:
    """The images folder, the files of it that a new run uses, and their paths: training, validation.

    Raises FextError when there are none.
    """
    settings = job.settings
    root = job.workspace.images_root(settings)
    files = {
        f.path: f
        for f in scan(
            root, lambda path, reason: job.log(f"the folder {path} is left out: {reason}", "warning")
        )
    }
    if not files:
        raise FextError(
            f"there are no images in {escape_name(str(root))}", "put some there, or use --images DIR"
        )
    _leave_out_excluded(job, root, files)
    train_paths, validation_paths = split_dataset(list(files), settings.dataset)
    used = [files[path] for path in (*train_paths, *validation_paths)]
    return root, used, (train_paths, validation_paths)


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
        split = _read_pixels(job, settings, root, files, (sides[0], sides[1]))
        _tell_changed(job, rows, split.cache)
        trainer = Trainer(job, run, settings, split.sets(), device)
        trainer.restore()
        return _fit(job, run, trainer, trainer.position.epoch + epochs)


def pixel_request(job: Job, settings: Settings, root: Path, files: Sequence[ScannedFile]) -> PixelRequest:
    """What a run with `settings` asks of the pixel cache."""
    data = settings.dataset
    return PixelRequest(
        root=root, files=files, size=ImageSize(data.image_height, data.image_width, data.grayscale),
        mode=data.cache, folder=job.workspace.cache, threads=thread_count(job.settings.device.num_workers),
        limit_gb=data.cache_limit,
    )  # fmt: skip


def _read_pixels(
    job: Job, settings: Settings, root: Path, files: Sequence[ScannedFile], sides: tuple[list[str], list[str]]
) -> _Split:
    """Read the files once, and drop the broken ones from both sides of the split."""
    request = pixel_request(job, settings, root, files)

    def report(done: int, total: int) -> None:
        job.progress("reading images", done, total)
        if job.stop_requested:
            raise JobStopped("stopped while the images were read", "start it again; nothing is lost")

    cache = open_cache(request, report, job.log)
    for image in cache.left_out[:_NAMED]:
        job.log(f"{image.path} is left out: {image.status}, {image.reason}", "warning")
    if len(cache.left_out) > _NAMED:
        job.log(f"and {len(cache.left_out) - _NAMED} more", "warning")
    usable = set(cache.paths)
    train_paths, validation_paths = ([path for path in side if path in usable] for side in sides)
    for count, side in ((len(train_paths), "training"), (len(validation_paths), "validation")):
        if not count:
            raise FextError(
                f"no {side} image can be used: {len(cache.paths)} of {len(files)} files could be read",
                "add images, or change dataset.sample_size and dataset.validation_size",
            )
    return _Split(train_paths, validation_paths, cache)


def _leave_out_excluded(job: Job, root: Path, files: dict[str, ScannedFile]) -> None:
    """Drop the images that a person excluded from `files`, before the split, as the analysis does."""
    with open_records(job.workspace.database) as records:
        found = [path for path in excluded_paths(records, root) if files.pop(path, None)]
    if found:
        job.log(f"{len(found)} excluded image{'s are' if len(found) > 1 else ' is'} left out")
    if not files:
        raise FextError(
            f"all images in {escape_name(str(root))} are excluded",
            "take some back in: `fext images include --all`",
        )


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
