"""The three autoencoders: Redux, Medium and Large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from fext_engine.errors import FextError
from fext_engine.model.blocks import DenseStack, Double, Halve, pad_to_even, residual_blocks


@dataclass(frozen=True)
class Architecture:
    """Stages as (channels, convolutions), each of which halves the image once, and the latent channels."""

    stages: tuple[tuple[int, int], ...]
    latent_channels: int

    @property
    def factor(self) -> int:
        """How many pixels of an edge one latent position stands for."""
        return 1 << len(self.stages)

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(H', W', C) of the latent map of an image: its size over `factor`, rounded up."""
        return -(-height // self.factor), -(-width // self.factor), self.latent_channels


ARCHITECTURES = {
    "FextAE Redux": Architecture(((16, 2), (32, 2), (64, 2), (128, 3), (128, 3)), 256),
    "FextAE Medium": Architecture(((32, 3), (64, 3), (128, 3), (128, 3), (256, 4), (256, 4)), 512),
    "FextAE Large": Architecture(
        ((32, 3), (64, 3), (64, 3), (128, 4), (128, 4), (256, 4), (256, 5), (512, 5)), 512
    ),
}


class Encoder(nn.Module):
    """Images (N, channels, H, W), float in [0, 1], to latent maps (N, latent, H', W').

    The first halving is space to depth, ahead of any convolution: at full size convolutions cost the most
    and a CPU runs them slowest.
    """

    def __init__(self, architecture: Architecture, channels: int, dropout: float) -> None:
        super().__init__()
        widths = [width for width, _ in architecture.stages]
        self.stem = nn.Conv2d(4 * channels, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(residual_blocks(*stage) for stage in architecture.stages)
        self.halvings = nn.ModuleList(Halve(*pair) for pair in pairwise(widths))
        self.compression = DenseStack(widths[-1], architecture.latent_channels, dropout)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stages[0](self.stem(F.pixel_unshuffle(pad_to_even(images - 0.5), 2)))
        for halve, stage in zip(self.halvings, self.stages[1:], strict=True):
            x = stage(halve(x))
        latents: Tensor = self.compression(x)
        return latents


class Decoder(nn.Module):
    """Latent maps to images (N, channels, H, W): the encoder's mirror, with a linear output."""

    def __init__(self, architecture: Architecture, channels: int, dropout: float) -> None:
        super().__init__()
        widths = [width for width, _ in reversed(architecture.stages)]
        self.decompression = DenseStack(architecture.latent_channels, widths[0], dropout)
        self.stages = nn.ModuleList(residual_blocks(*stage) for stage in reversed(architecture.stages))
        self.doublings = nn.ModuleList(Double(*pair) for pair in pairwise(widths))
        self.head = nn.Conv2d(widths[-1], 4 * channels, 3, padding=1)

    def forward(self, latents: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """`sizes`: height and width after each doubling; the last is the image's own."""
        x = self.stages[0](self.decompression(latents))
        for double, stage, (height, width) in zip(self.doublings, self.stages[1:], sizes[:-1], strict=True):
            x = stage(double(x)[..., :height, :width])
        height, width = sizes[-1]
        return F.pixel_shuffle(self.head(x), 2)[..., :height, :width] + 0.5


class Autoencoder(nn.Module):
    """An encoder and a decoder for images of one size.

    An image that cannot be halved as often as there are stages is padded by one repeated row or column at
    each stage where its size is odd, and the decoder crops it there: the output has the input's size.
    """

    def __init__(self, name: str, channels: int, dropout: float, height: int, width: int) -> None:
        super().__init__()
        self.name, self.channels, self.dropout = name, channels, dropout
        self.height, self.width = height, width
        self.architecture = ARCHITECTURES[name]
        self.encoder = Encoder(self.architecture, channels, dropout)
        self.decoder = Decoder(self.architecture, channels, dropout)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(H', W', C) of the latent map of one image."""
        return self.architecture.latent_shape(self.height, self.width)

    def encode(self, images: Tensor) -> Tensor:
        """(N, channels, H, W) in [0, 1] to the latent map (N, C, H', W'). Raises ValueError for other shapes."""
        _require(images, (self.channels, self.height, self.width), "images")
        latents: Tensor = self.encoder(images)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """(N, C, H', W') to (N, channels, H, W): linear while training, else clamped to [0, 1].

        Raises ValueError for other shapes.
        """
        height, width, channels = self.latent_shape
        _require(latents, (channels, height, width), "latent maps")
        images: Tensor = self.decoder(latents, _sizes(self.height, self.width, len(self.architecture.stages)))
        return images if self.training else images.clamp(0, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct images (N, channels, H, W)."""
        return self.decode(self.encode(images))


def build_model(name: str, channels: int, dropout: float, height: int, width: int) -> Autoencoder:
    """A freshly initialised autoencoder; its weights follow torch's seed.

    `channels`: 3 for colour, 1 for grey. Raises FextError when there is no model called `name`.
    """
    if name not in ARCHITECTURES:
        raise FextError(f"there is no model called {name!r}", "choose one of " + ", ".join(ARCHITECTURES))
    return Autoencoder(name, channels, dropout, height, width)


def _require(given: Tensor, shape: tuple[int, int, int], what: str) -> None:
    """Convolutions take any size, and bytes: what the model was not trained for must not pass for an answer."""
    if given.ndim != 4 or given.shape[1:] != shape or not given.is_floating_point():
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"the model takes float {what} (N, {wanted}), not {given.dtype} {tuple(given.shape)}")


def _sizes(height: int, width: int, halvings: int) -> list[tuple[int, int]]:
    """The sizes an image passes on its way back from the latent map, smallest first, its own last."""
    sizes = [(height, width)]
    for _ in range(halvings - 1):
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes[::-1]
