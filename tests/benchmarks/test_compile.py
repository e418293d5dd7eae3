"""What torch.compile costs and gives in training: seconds until the first step, images a second after it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from preset_training import new_workspace, prepared_trainer, stock_settings

from fext_engine.training.batches import batch_size, training_batches

pytestmark = pytest.mark.benchmark
STEPS = int(os.environ.get("FEXT_STEPS", "30"))
NAME = os.environ.get("FEXT_PRESET", "fextae_redux")


def test_compiled_against_eager(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates, ready = {}, {}
    for jit in ("off", "on"):
        settings = stock_settings(NAME, photos, training__jit=jit)
        started = time.perf_counter()
        with prepared_trainer(new_workspace(tmp_path / jit), settings) as trainer:
            batches = list(training_batches(trainer.train_data, trainer.settings, 1, 0, trainer.device))[:STEPS]
            trainer.train_step(batches[0]).cpu()
            ready[jit] = time.perf_counter() - started
            started = time.perf_counter()
            for batch in batches:
                figures = trainer.train_step(batch)
            figures.cpu()
            rates[jit] = len(batches) * batch_size(trainer.settings) / (time.perf_counter() - started)
    with capsys.disabled():
        print(f"\n{NAME}: {STEPS} steps of {batch_size(trainer.settings)} images on {trainer.device}")
        for jit, rate in rates.items():
            print(f"  jit {jit}: ready after {ready[jit]:.0f} s, {rate:.1f} images a second")
        print(f"  compiled against eager: {rates['on'] / rates['off']:.2f} times as fast")
    assert set(rates) == {"off", "on"}
