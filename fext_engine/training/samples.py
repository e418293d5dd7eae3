"""A picture each epoch: a few validation images over their reconstructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fext_engine.model.autoencoder import Autoencoder
from fext_engine.training.batches import ImageSet, to_float
from fext_engine.training.run_folder import RunFolder
from fext_engine.workspace import atomic_file

SAMPLE_IMAGES = 6
_GAP = 2


@torch.inference_mode()
def save_sample(run: RunFolder, epoch: int, model: Autoencoder, data: ImageSet, device: torch.device) -> Path:
    """Write `samples/epoch_0001.png` and return its path: always the same images, spread over the split."""
    chosen = np.linspace(0, len(data) - 1, min(SAMPLE_IMAGES, len(data))).astype(np.int64)
    images = to_float(torch.from_numpy(data.cache.gather(data.rows[chosen])).to(device))
    model.eval()
    picture = grid([images, model(images)])
    path = run.samples / f"epoch_{epoch:04d}.png"
    path.parent.mkdir(exist_ok=True)
    with atomic_file(path) as file:
        picture.save(file, format="PNG")
    return path


def grid(rows: list[Tensor]) -> Image.Image:
    """Rows of images, each (N, C, H, W) float in [0, 1], as one picture at their own size."""
    count, _, height, width = rows[0].shape
    size = (count * (width + _GAP) - _GAP, len(rows) * (height + _GAP) - _GAP)
    picture = Image.new("RGB", size)
    for y, row in enumerate(rows):
        pixels = (row.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        for x, image in enumerate(pixels):
            tile = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
            picture.paste(tile, (x * (width + _GAP), y * (height + _GAP)))
    return picture
