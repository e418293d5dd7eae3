"""Batches for a device: bytes until they are there, then float in [0, 1], augmented all at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fext_engine.ranks import ALONE, Ranks
from fext_engine.settings import Settings
from fext_engine.training.augmentation import (
    Identities,
    add_noise,
    augment,
    epoch_order,
    noise_seeds,
    random_numbers,
)
from fext_engine.training.cache import PixelCache

_RESIDENT_SHARE = 0.25
_COPIED = 1024  # images at once, so that a memory map is not read into memory as a whole


@dataclass(frozen=True)
class ImageSet:
    """The images of one split: their rows in the pixel cache and their identities, (N,) each."""

    cache: PixelCache
    rows: NDArray[np.int64]
    images: Identities

    def __len__(self) -> int:
        return len(self.rows)


class Batch(NamedTuple):
    """What the model is shown and what it should give back, float (N, C, H, W) in [0, 1]; they differ by noise.

    Where several processes share a batch, this is the part of one: from image `first` of `total` on. Where there
    are more processes than images, some have one that another has too, and that does not count.
    """

    inputs: Tensor
    targets: Tensor
    first: int
    total: int
    counts: bool = True


def batch_size(settings: Settings) -> int:
    """Images in a step; a run's settings hold the number that `auto` became."""
    size = settings.training.batch_size
    assert size != "auto"
    return size


def make_resident(data: ImageSet, device: torch.device, free: int) -> None:
    """Copy all pixels into a GPU's memory when they take little of the `free` bytes: no batch is moved any more."""
    pixels = data.cache.pixels
    if device.type == "cpu" or pixels is None or pixels.nbytes > _RESIDENT_SHARE * free:
        return
    resident = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    for first in range(0, len(pixels), _COPIED):
        resident[first : first + _COPIED] = torch.from_numpy(np.array(pixels[first : first + _COPIED]))
    data.cache.resident = resident


def to_float(pixels: Tensor) -> Tensor:
    """uint8 pixels (N, H, W, C) as float (N, C, H, W) in [0, 1], in channels_last memory without a copy."""
    return pixels.permute(0, 3, 1, 2).float() / 255


def training_batches(
    data: ImageSet, settings: Settings, epoch: int, first: int, device: torch.device, *, ranks: Ranks = ALONE
) -> Iterator[Batch]:
    """Yield this process's parts of the batches of `epoch` (counted from 1) from batch `first` on, on `device`."""
    seed, size = settings.training.seed, batch_size(settings)
    order = epoch_order(seed, epoch, data.images, settings.dataset.shuffle)
    batches = np.split(order, range(size, len(order), size))[first:]
    shares = [ranks.share(len(batch)) for batch in batches]
    parts = [batch[share] if share else batch[:1] for batch, share in zip(batches, shares, strict=True)]
    fetched = zip(_fetch(data, parts, device), batches, shares, strict=True)
    for (chosen, pixels), batch, share in fetched:
        images = to_float(pixels.to(device, non_blocking=True))
        if settings.augmentation.enabled:
            numbers = torch.from_numpy(random_numbers(seed, epoch, data.images[chosen]))
            images = augment(images, numbers.to(device), settings.augmentation)
        part = noisy(images, data.images[chosen], settings, epoch)
        yield part._replace(first=share.start if share else 0, total=len(batch), counts=bool(share))


def validation_batches(
    data: ImageSet, settings: Settings, device: torch.device, ranks: Ranks = ALONE
) -> Iterator[Batch]:
    """Yield this process's share of the images in their own order; where the model denoises, with one noise ever."""
    share = np.array(ranks.share(len(data)), np.int64)
    size = max(1, -(-batch_size(settings) // (ranks.count * settings.training.accumulation)))
    for chosen, pixels in _fetch(data, np.split(share, range(size, len(share), size)), device):
        if len(chosen):
            images = to_float(pixels.to(device, non_blocking=True))
            yield noisy(images, data.images[chosen], settings, epoch=0)


def noisy(images: Tensor, names: Identities, settings: Settings, epoch: int) -> Batch:
    """Images (N, C, H, W) as targets, and as inputs with the noise that `training.denoising` asks for."""
    deviation, inputs = settings.training.denoising, images
    if deviation:
        inputs = add_noise(images, noise_seeds(settings.training.seed, epoch, names), deviation)
    return Batch(inputs, images, 0, len(images))


def _fetch(
    data: ImageSet, batches: list[NDArray[np.int64]], device: torch.device
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """Yield each batch's positions and pixels; the next one is gathered while this one is computed on."""

    if (resident := data.cache.resident) is not None:
        for chosen in batches:
            yield chosen, resident[torch.from_numpy(data.rows[chosen]).to(device, non_blocking=True)]
        return

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
