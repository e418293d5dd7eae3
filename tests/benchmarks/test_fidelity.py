"""How soon and how well Redux reconstructs, against the ancestor's recipe on the same photographs.

FEXT_SECONDS is how long each of the two trains: 600 for the figures of the documentation.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from ancestor import train_ancestor
from preset_training import new_workspace, stock_settings
from torch import Tensor

from fext_engine.jobs.events import Event
from fext_engine.jobs.run import run_here
from fext_engine.settings import Settings
from fext_engine.training.reading import ImageSize, read_images
from fext_engine.training.run_folder import RunFolder, read_split
from fext_engine.workspace import Workspace

pytestmark = pytest.mark.benchmark
SECONDS = float(os.environ.get("FEXT_SECONDS", "60"))


def split_pixels(photos: Path, run: RunFolder, size: ImageSize) -> tuple[Tensor, Tensor]:
    """The run's own training and validation images, uint8 (N, 3, H, W), channels_last."""
    sides = []
    rows = read_split(run)
    for side in ("train", "validation"):
        paths = [row.path for row in rows if row.split == side]
        images = np.stack([i.pixels for i in read_images(photos, paths, size, 2) if i.pixels is not None])
        sides.append(torch.from_numpy(images).permute(0, 3, 1, 2))
    return sides[0], sides[1]


def train_ours(workspace: Workspace, settings: Settings, epochs: int) -> list[tuple[float, float]]:
    """Seconds since the training began and validation MAE, for each epoch: what a user waits, all included."""
    curve: list[tuple[float, float]] = []
    started = time.perf_counter()

    def note(event: Event) -> None:
        if event.kind == "metric":
            curve.append((time.perf_counter() - started, event.data["values"]["val_mae"]))

    settings = settings.with_options({"training.epochs": epochs})
    run_here(workspace, "train", settings, {"name": f"for-{epochs}"}, note)
    return curve


def test_redux_against_the_ancestor(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = new_workspace(tmp_path)
    settings = stock_settings("fextae_redux", photos, device__device="cpu")
    trial = train_ours(workspace, settings, 2)  # reads the images too
    an_epoch = trial[1][0] - trial[0][0]
    ours = train_ours(workspace, settings, max(3, int(SECONDS / an_epoch)))
    size = ImageSize(settings.dataset.image_height, settings.dataset.image_width, False)
    train, validation = split_pixels(photos, RunFolder(workspace.run("for-2")), size)
    theirs = list(train_ancestor(train, validation, SECONDS))
    reached = next((at for at, mae in ours if mae <= theirs[-1][1]), float("nan"))
    best = min(mae for _, mae in ours)
    with capsys.disabled():
        print(f"\nRedux, {settings.dataset.image_height} px, {len(train)} + {len(validation)} photographs")
        print("  seconds   ancestor's validation MAE   ours")
        for share in (0.1, 0.2, 0.5, 1.0):
            at = [next((m for s, m in reversed(c) if s <= share * SECONDS * 1.02), float("nan")) for c in (theirs, ours)]
            print(f"{share * SECONDS:9.0f} {at[0]:27.4f} {at[1]:6.4f}")
        print(f"  ancestor: {len(theirs)} epochs in {theirs[-1][0]:.0f} s, best {min(m for _, m in theirs):.4f}")
        print(f"  ours: {len(ours)} epochs in {ours[-1][0]:.0f} s, best {best:.4f}: {best / theirs[-1][1]:.2f} of its error")
        print(f"  its last error was reached by ours after {reached:.1f} s: {reached / theirs[-1][0]:.3f} of the time")
    assert best < theirs[-1][1]
