"""A picture each epoch: a few validation images over their reconstructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fext_engine.model.autoencoder import Autoencoder
from fext_engine.settings import Settings
from fext_engine.training.batches import ImageSet, noisy, to_float
from fext_engine.training.run_folder import RunFolder
from fext_engine.training.sample_grid import SampleGrid
from fext_engine.workspace import atomic_file

SAMPLE_IMAGES = 6


@torch.inference_mode()
def save_sample(
    run: RunFolder, epoch: int, model: Autoencoder, data: ImageSet, settings: Settings
) -> Path:
    """Write `samples/epoch_0001.png` and return its path: always the same images, spread over the split."""
    shown = np.linspace(0, len(data) - 1, min(SAMPLE_IMAGES, len(data))).astype(np.int64)
    chosen = data.rows[shown]
    images = to_float(torch.from_numpy(data.cache.gather(chosen)).to(next(model.parameters()).device))
    inputs = noisy(images, data.images[shown], settings, epoch=0).inputs
    model.eval()
    path = run.samples / f"epoch_{epoch:04d}.png"
    path.parent.mkdir(exist_ok=True)
    save_pairs(path, [data.cache.paths[row] for row in chosen], images, model(inputs))
    return path


def save_pairs(path: Path, names: list[str], images: Tensor, outputs: Tensor) -> None:
    """Write images over outputs, (N, C, H, W) float in [0, 1], at their own size, with the stored paths `names`."""
    count, _, height, width = images.shape
    grid = SampleGrid(width, height, count, tuple(names))
    picture = Image.new("RGB", grid.size)
    for row, tensor in enumerate((images, outputs)):
        pixels = (tensor.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        for index, image in enumerate(pixels):
            tile = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
            picture.paste(tile, grid.corner(index, row))
    with atomic_file(path) as file:
        picture.save(file, format="PNG", pnginfo=grid.to_png_text())
