"""What the trials before a training share: some of its real images, and a trainer of which nothing is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.job import Job
from fext_engine.settings import Settings
from fext_engine.training.augmentation import identities
from fext_engine.training.batches import Batch, ImageSet, batch_size, training_batches
from fext_engine.training.cache import PixelCache, PixelRequest
from fext_engine.training.data import choose_images, pixel_request
from fext_engine.training.device import choose_device
from fext_engine.training.memory import choose_batch_size
from fext_engine.training.reading import read_images
from fext_engine.training.run_folder import RunFolder
from fext_engine.training.trainer import Trainer


@dataclass(frozen=True)
class TrialPlan:
    """The training that is tried: its settings with a batch size, its device, its images on both sides."""

    settings: Settings
    device: torch.device
    request: PixelRequest
    train: list[str]
    validation: list[str]


def plan_trial(job: Job) -> TrialPlan:
    """What a training with the job's settings would be. Raises FextError when it has no images or no device."""
    device = choose_device(job.settings.device)
    root, files, (train, validation) = choose_images(job)
    request = pixel_request(job, job.settings, root, files)
    settings = choose_batch_size(job.settings, len(train), device, job.log)
    return TrialPlan(settings, device, request, train, validation)


def read_some(job: Job, request: PixelRequest, paths: Sequence[str]) -> PixelCache:
    """The usable images among `paths`, in memory. Raises FextError when there is none."""
    cache, pixels = PixelCache(threads=request.threads), []
    for done, image in enumerate(read_images(request.root, paths, request.size, request.threads), start=1):
        cache.add(image)
        if image.pixels is not None:
            pixels.append(image.pixels)
        job.progress("reading images", done, len(paths))
        stop_if_asked(job)
    if not pixels:
        raise FextError(
            f"none of the first {len(paths)} images can be read", "inspect the folder: `fext analyze`"
        )
    cache.pixels = np.stack(pixels)
    return cache


@contextmanager
def trial_trainer(job: Job, plan: TrialPlan, cache: PixelCache) -> Iterator[Trainer]:
    """A trainer on whole batches of the images in `cache`, whose run is removed at the end of the block."""
    size = batch_size(plan.settings)
    whole = len(cache.paths) // size * size
    paths = cache.paths[: whole or None]  # whole batches are what an epoch is made of
    images = ImageSet(cache, np.arange(len(paths)), identities(paths))
    job.workspace.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="trial-", dir=job.workspace.cache) as folder:
        yield Trainer(job, RunFolder(Path(folder)), plan.settings, (images, images), plan.device)


def endless_batches(trainer: Trainer) -> Iterator[Batch]:
    """The training's batches, epoch after epoch."""
    for epoch in count(1):
        yield from training_batches(trainer.train_data, trainer.settings, epoch, 0, trainer.device)


def stop_if_asked(job: Job) -> None:
    """End the trial at the user's wish, by JobStopped."""
    if job.stop_requested:
        raise JobStopped("the trial was cancelled", "start it again; nothing is lost")
