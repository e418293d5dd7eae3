"""The three models at their presets on the same photographs: fidelity after equal epochs, cost, size of the latent.

FEXT_EPOCHS, FEXT_IMAGES (of 400) and FEXT_PIXELS_A_SIDE say how much; the documentation says what was used.
"""

from __future__ import annotations

import os
import time
from math import prod
from pathlib import Path

import pytest
from preset_training import new_workspace, stock_settings

from fext_engine.jobs.events import Event
from fext_engine.jobs.run import run_here
from fext_engine.training.checkpoints import load_model
from fext_engine.training.device import choose_device
from fext_engine.training.run_folder import RunFolder

pytestmark = pytest.mark.benchmark
EPOCHS = int(os.environ.get("FEXT_EPOCHS", "2"))
IMAGES = int(os.environ.get("FEXT_IMAGES", "50"))
SIDE = int(os.environ.get("FEXT_PIXELS_A_SIDE", "256"))


@pytest.mark.parametrize("name", ["fextae_redux", "fextae_medium", "fextae_large"])
def test_a_preset_after_equal_epochs(
    name: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = new_workspace(tmp_path)
    changes = {"dataset__image_height": SIDE, "dataset__image_width": SIDE, "training__epochs": EPOCHS}
    settings = stock_settings(name, photos, dataset__sample_size=IMAGES / 400, **changes)
    seen: list[dict[str, float]] = []

    def note(event: Event) -> None:
        if event.kind == "metric":
            seen.append(event.data["values"])

    started = time.perf_counter()
    run_here(workspace, "train", settings, {"name": name}, note)
    seconds = time.perf_counter() - started
    loaded = load_model(RunFolder(workspace.run(name)), choose_device(settings.device))
    weights = sum(p.numel() for p in loaded.model.parameters())
    last = seen[-1]
    with capsys.disabled():
        print(
            f"\n{name}: {SIDE} px, {IMAGES} images, {EPOCHS} epochs in {seconds:.0f} s; {weights:,} weights, "
            f"latent {loaded.model.latent_shape} = {prod(loaded.model.latent_shape):,} numbers; "
            f"validation MAE {last['val_mae']:.4f}, PSNR {last['val_psnr']:.2f} dB, SSIM {last['val_ssim']:.3f}"
        )
    assert len(seen) == EPOCHS
