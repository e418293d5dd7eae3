"""What the data path adds to an epoch: real epochs from the cache against as many steps on one random batch."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch

from fext_engine.jobs.folder import JobRequest
from fext_engine.jobs.job import Job
from fext_engine.presets import read_settings
from fext_engine.training.batches import Batch, training_batches
from fext_engine.training.data import choose_images, read_pixels
from fext_engine.training.device import choose_device
from fext_engine.training.run_folder import RunFolder
from fext_engine.training.trainer import Trainer
from fext_engine.workspace import Workspace

pytestmark = pytest.mark.benchmark
ROUNDS = 4
"""The two kinds of epoch take turns, so that other load meets both; the best of each counts."""


def test_an_epoch_against_steps_on_a_resident_batch(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    workspace = Workspace(tmp_path)
    workspace.create()
    preset = Path(__file__).resolve().parents[2] / "resources" / "configurations" / "fextae_redux.toml"
    settings = read_settings(preset).with_options(
        {"dataset.images": str(photos), "augmentation.enabled": bool(int(os.environ.get("FEXT_AUGMENT", "0")))}
    )
    folder = workspace.jobs / "benchmark"
    folder.mkdir(parents=True)
    job = Job(workspace, folder, JobRequest("benchmark", "train", settings, {}, 0.0), ())
    device = choose_device(settings.device)
    split = read_pixels(job, settings, *choose_images(job))
    trainer = Trainer(job, RunFolder(tmp_path / "run"), settings, split.sets(), device)
    trainer.prepare(100)
    size, steps = settings.training.batch_size, trainer.steps_an_epoch
    shape = (size, 3, settings.dataset.image_height, settings.dataset.image_width)
    random = torch.rand(shape, device=device).to(memory_format=torch.channels_last)

    def timed(batches: list[Batch] | object) -> float:
        started, figures = time.perf_counter(), None
        for batch in batches:  # type: ignore[attr-defined]
            figures = trainer.train_step(batch)
        assert figures is not None
        figures.cpu()  # waits for the device
        return time.perf_counter() - started

    trainer.model.train()
    ours, limit = [], []
    for epoch in range(1, ROUNDS + 2):  # the first one warms up
        limit.append(timed([Batch(random, random)] * steps))
        ours.append(timed(training_batches(trainer.train_data, settings, epoch, 0, device)))
    best, least = min(ours[1:]), min(limit[1:])
    with capsys.disabled():
        print(f"\nan epoch of {steps} steps of {size} images, {settings.dataset.image_height} px, on {device}")
        print(f"  from the pixel cache {best:.2f} s, one resident random batch {least:.2f} s: ratio {best / least:.3f}")
    assert len(ours) == len(limit)
