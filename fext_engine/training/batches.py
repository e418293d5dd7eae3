"""Batches for a device: bytes until they are there, then float in [0, 1], augmented all at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fext_engine.settings import Settings
from fext_engine.training.augmentation import Identities, augment, epoch_order, random_numbers
from fext_engine.training.cache import PixelCache


@dataclass(frozen=True)
class ImageSet:
    """The images of one split: their rows in the pixel cache and their identities, (N,) each."""

    cache: PixelCache
    rows: NDArray[np.int64]
    images: Identities

    def __len__(self) -> int:
        return len(self.rows)


def to_float(pixels: Tensor) -> Tensor:
    """uint8 pixels (N, H, W, C) as float (N, C, H, W) in [0, 1], in channels_last memory without a copy."""
    return pixels.permute(0, 3, 1, 2).float() / 255


def training_batches(
    data: ImageSet, settings: Settings, epoch: int, first: int, device: torch.device
) -> Iterator[Tensor]:
    """Yield the batches of `epoch` (counted from 1) from batch `first` on, float (N, C, H, W) on `device`."""
    seed = settings.training.seed
    order = epoch_order(seed, epoch, data.images, settings.dataset.shuffle)
    batches = np.split(order, range(settings.training.batch_size, len(order), settings.training.batch_size))
    for chosen, pixels in _fetch(data, batches[first:], device):
        images = to_float(pixels.to(device, non_blocking=True))
        if settings.augmentation.enabled:
            numbers = torch.from_numpy(random_numbers(seed, epoch, data.images[chosen]))
            images = augment(images, numbers.to(device), settings.augmentation)
        yield images


def validation_batches(data: ImageSet, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    """Yield the images in their own order and unchanged, float (N, C, H, W) on `device`."""
    batches = np.split(np.arange(len(data)), range(batch_size, len(data), batch_size))
    for _, pixels in _fetch(data, batches, device):
        yield to_float(pixels.to(device, non_blocking=True))


def _fetch(
    data: ImageSet, batches: list[NDArray[np.int64]], device: torch.device
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """Yield each batch's positions and pixels; the next one is gathered while this one is computed on."""

    def gather(chosen: NDArray[np.int64]) -> Tensor:
        pixels = torch.from_numpy(data.cache.gather(data.rows[chosen]))
        return pixels.pin_memory() if device.type == "cuda" else pixels

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        coming = pool.submit(gather, batches[0]) if batches else None
        for i, chosen in enumerate(batches):
            assert coming is not None
            pixels = coming.result()
            coming = pool.submit(gather, batches[i + 1]) if i + 1 < len(batches) else None
            yield chosen, pixels
