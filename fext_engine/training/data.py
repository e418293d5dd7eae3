"""Which images a training uses, on which side of the split, and their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fext_engine.errors import FextError, JobStopped
from fext_engine.images.scan import ScannedFile, scan
from fext_engine.images.split import split_dataset
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.records import with_records
from fext_engine.records.exclusions import excluded_paths
from fext_engine.settings import Settings
from fext_engine.training.augmentation import identities
from fext_engine.training.batches import ImageSet
from fext_engine.training.cache import PixelCache, PixelRequest, open_cache
from fext_engine.training.reading import ImageSize, thread_count
from fext_engine.training.run_folder import SplitRow

_NAMED = 100  # broken files named in the log; left_out.csv has them all


@dataclass(frozen=True)
class SplitPixels:
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


def pixel_request(job: Job, settings: Settings, root: Path, files: Sequence[ScannedFile]) -> PixelRequest:
    """What a run with `settings` asks of the pixel cache."""
    data = settings.dataset
    return PixelRequest(
        root=root, files=files, size=ImageSize(data.image_height, data.image_width, data.grayscale),
        mode=data.cache, folder=job.workspace.cache, threads=thread_count(job.settings.device.num_workers),
        limit_gb=data.cache_limit,
    )  # fmt: skip


def read_pixels(
    job: Job, settings: Settings, root: Path, files: Sequence[ScannedFile], sides: tuple[list[str], list[str]]
) -> SplitPixels:
    """Read the files once, and drop the broken ones from both sides of the split.

    Raises FextError when a side is left with none, and JobStopped at the user's wish.
    """
    request = pixel_request(job, settings, root, files)

    def report(done: int, total: int) -> None:
        job.progress("reading images", done, total)
        if job.stop_requested:
            raise JobStopped("stopped while the images were read", "start it again; nothing is lost")

    cache = open_cache(request, report, job.log, job.ranks, job.shared)
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
    return SplitPixels(train_paths, validation_paths, cache)


def _leave_out_excluded(job: Job, root: Path, files: dict[str, ScannedFile]) -> None:
    """Drop the images that a person excluded from `files`, before the split, as the analysis does."""
    excluded = with_records(job.workspace.database, lambda records: list(excluded_paths(records, root)))
    found = [path for path in excluded if files.pop(path, None)]
    if found:
        job.log(f"{len(found)} excluded image{'s are' if len(found) > 1 else ' is'} left out")
    if not files:
        raise FextError(
            f"all images in {escape_name(str(root))} are excluded",
            "take some back in: `fext images include --all`",
        )
