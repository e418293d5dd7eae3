"""The order of the images and their random changes, each decided by (seed, epoch, image) and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fext_engine.sections import AugmentationSettings

Identities = NDArray[np.uint64]

_DROPOUT_STREAM, _ORDER_STREAM, _AUGMENT_STREAM = 0, 1, 2
_NOISE_STREAM = 1000
_CHOICES = 8  # random numbers an image needs for its changes


def identities(paths: Sequence[str]) -> Identities:
    """A number for each path that stays the same wherever and with whatever else the image is listed: (N,)."""
    digests = (hashlib.blake2b(path.encode(), digest_size=8).digest() for path in paths)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def epoch_order(seed: int, epoch: int, images: Identities, shuffle: bool) -> NDArray[np.int64]:
    """The positions of `images` in the order in which the epoch shows them."""
    if not shuffle:
        return np.arange(len(images))
    return np.argsort(_hash(seed, epoch, _ORDER_STREAM, images), kind="stable")


def random_numbers(seed: int, epoch: int, images: Identities) -> NDArray[np.float32]:
    """Uniform numbers in [0, 1), (N, 8): what `augment` decides by, for these images in this epoch."""
    streams = [_hash(seed, epoch, _AUGMENT_STREAM + i, images) for i in range(_CHOICES)]
    return (np.stack(streams, axis=1) >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def augment(images: Tensor, numbers: Tensor, settings: AugmentationSettings) -> Tensor:
    """Flip and move images (N, C, H, W) in [0, 1], change brightness and contrast, as `numbers` (N, 8) say."""

    def chosen(column: int, probability: float) -> Tensor:
        return (numbers[:, column] < probability).view(-1, 1, 1, 1)

    def between(column: int, low: float, high: float) -> Tensor:
        return (low + (high - low) * numbers[:, column]).view(-1, 1, 1, 1)

    s = settings
    images = torch.where(chosen(0, s.horizontal_flip), images.flip(3), images)
    images = torch.where(chosen(1, s.vertical_flip), images.flip(2), images)
    if s.shift:
        images = _moved(images, (2 * numbers[:, 6:8] - 1) * s.shift)
    shift = between(3, -s.brightness_delta, s.brightness_delta) * chosen(2, s.brightness_probability)
    factor = between(5, s.contrast_min, s.contrast_max)
    factor = torch.where(chosen(4, s.contrast_probability), factor, torch.ones_like(factor))
    mean = images.mean((1, 2, 3), keepdim=True)
    return ((images - mean) * factor + mean + shift).clamp(0, 1)


def _moved(images: Tensor, shares: Tensor) -> Tensor:
    """Move images (N, C, H, W) down and right by `shares` (N, 2) of their height and width, mirrored at the edges."""
    count, _, height, width = images.shape

    def sources(size: int, share: Tensor) -> Tensor:
        """(N, size): for each position the one that moves there."""
        at = torch.arange(size, device=images.device) - (share * size).round().long()[:, None]
        around = at.remainder(max(1, 2 * (size - 1)))
        return torch.minimum(around, 2 * (size - 1) - around)

    rows, columns = sources(height, shares[:, 0]), sources(width, shares[:, 1])
    numbers = torch.arange(count, device=images.device)[:, None, None]
    moved = images[numbers, :, rows[:, :, None], columns[:, None, :]]  # (N, H, W, C)
    return moved.permute(0, 3, 1, 2)


def noise_seeds(seed: int, epoch: int, images: Identities) -> list[int]:
    """A seed for the noise of each of these images in this epoch, below 2**63."""
    return [int(s) for s in _hash(seed, epoch, _NOISE_STREAM, images) >> np.uint64(1)]


def add_noise(images: Tensor, seeds: Sequence[int], deviation: float) -> Tensor:
    """Images (N, C, H, W) in [0, 1] with Gaussian noise of that standard deviation, clipped as a camera clips it.

    Each image's noise follows from its seed alone, whatever else is in the batch.
    """
    generator = torch.Generator(images.device)
    shape, device = images.shape[1:], images.device
    noise = [torch.randn(shape, generator=generator.manual_seed(s), device=device) for s in seeds]
    noisy = (images + deviation * torch.stack(noise)).clamp_(0, 1)
    return noisy.contiguous(memory_format=torch.channels_last)


def dropout_seed(seed: int, step: int) -> int:
    """The seed of everything random inside the model at one optimizer step, below 2**63."""
    return int(_hash(seed, step, _DROPOUT_STREAM, np.zeros(1, np.uint64))[0] >> np.uint64(1))


def _hash(seed: int, epoch: int, stream: int, images: Identities) -> Identities:
    """Mix the four into 64 random bits an image with the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = images
    for word in (seed, epoch, stream):
        mixed = _splitmix64(mixed ^ _splitmix64(np.array([word], dtype=np.uint64)))
    return mixed


def _splitmix64(x: Identities) -> Identities:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
