"""What the benchmarks of training share: a stock preset on the photographs, in a workspace of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from fext_engine.jobs.folder import JobRequest
from fext_engine.jobs.job import Job
from fext_engine.presets import read_settings
from fext_engine.settings import Settings
from fext_engine.training.data import choose_images, read_pixels
from fext_engine.training.device import choose_device
from fext_engine.training.memory import choose_batch_size
from fext_engine.training.run_folder import RunFolder
from fext_engine.training.trainer import Trainer
from fext_engine.workspace import Workspace

STOCK = Path(__file__).resolve().parents[2] / "resources" / "configurations"


def new_workspace(folder: Path) -> Workspace:
    """A workspace in `folder`; torch computes on every core from here on."""
    torch.set_num_threads(os.cpu_count() or 1)
    workspace = Workspace(folder)
    workspace.create()
    return workspace


def stock_settings(name: str, photos: Path, **changes: Any) -> Settings:
    """The stock preset `name` with the photographs as its images, and `section__key` changed."""
    settings = read_settings(STOCK / f"{name}.toml").with_options({"dataset.images": str(photos)})
    return settings.with_options({key.replace("__", "."): value for key, value in changes.items()})


@contextmanager
def prepared_trainer(workspace: Workspace, settings: Settings) -> Iterator[Trainer]:
    """A trainer as a training of all epochs has it before its first step, its pixels read."""
    folder = workspace.jobs / "benchmark"
    folder.mkdir(parents=True)
    job = Job(workspace, folder, JobRequest("benchmark", "train", settings, {}, 0.0), ())
    device = choose_device(settings.device)
    root, files, split = choose_images(job)
    settings = choose_batch_size(settings, len(split[0]), device, job.log)
    pixels = read_pixels(job, settings, root, files, split)
    trainer = Trainer(job, RunFolder(workspace.run("benchmark")), settings, pixels.sets(), device)
    trainer.prepare(settings.training.epochs)
    trainer.model.train()
    try:
        yield trainer
    finally:
        job.close()
