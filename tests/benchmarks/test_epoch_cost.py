"""What the data path adds to an epoch: real epochs from the cache against as many steps on one random batch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from preset_training import new_workspace, prepared_trainer, stock_settings

from fext_engine.training.batches import Batch, batch_size, training_batches

pytestmark = pytest.mark.benchmark
ROUNDS = 4
"""The two kinds of epoch take turns, so that other load meets both; the best of each counts."""


def test_an_epoch_against_steps_on_a_resident_batch(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    augmented = bool(int(os.environ.get("FEXT_AUGMENT", "0")))
    settings = stock_settings("fextae_redux", photos, augmentation__enabled=augmented)
    with prepared_trainer(new_workspace(tmp_path), settings) as trainer:
        size, steps, device = batch_size(trainer.settings), trainer.steps_an_epoch, trainer.device
        height, width = settings.dataset.image_height, settings.dataset.image_width
        random = torch.rand((size, 3, height, width), device=device).to(memory_format=torch.channels_last)

        def timed(batches: Iterable[Batch]) -> float:
            started, figures = time.perf_counter(), None
            for batch in batches:
                figures = trainer.train_step(batch)
            assert figures is not None
            figures.cpu()  # waits for the device
            return time.perf_counter() - started

        ours, limit = [], []
        for epoch in range(1, ROUNDS + 2):  # the first one warms up
            limit.append(timed([Batch(random, random)] * steps))
            ours.append(timed(training_batches(trainer.train_data, trainer.settings, epoch, 0, device)))
    best, least = min(ours[1:]), min(limit[1:])
    with capsys.disabled():
        print(f"\nan epoch of {steps} steps of {size} images, {height} px, augmented: {augmented}, on {device}")
        print(f"  from the pixel cache {best:.2f} s, one resident random batch {least:.2f} s: ratio {best / least:.3f}")
    assert len(ours) == len(limit)
