"""The ancestor's autoencoder and how it is trained, in plain PyTorch: the rival of the fidelity benchmark.

FextAE Redux of the desktop program: blocks of 2x2 convolutions with batch normalisation and ReLU, the first
convolution's output added to the last one's, max pooling between them; a dense layer as the bottleneck;
nearest-neighbour upsampling on the way back; an output that is batch normalised and clipped to [0, 1] by a
ReLU; Adam at 1e-3 on the mean absolute error, batches of 32.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STAGES = ((16, 2), (32, 2), (64, 2), (128, 3), (128, 3))
LATENT = 256
BATCH = 32
RATE = 1e-3


class Convolution(nn.Module):
    """A 2x2 convolution that keeps the size, batch normalisation, ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 2, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(F.pad(x, (0, 1, 0, 1)))))


class Block(nn.Module):
    """`layers` convolutions; the first one's output is added to the last one's."""

    def __init__(self, channels: int, out: int, layers: int) -> None:
        super().__init__()
        self.first = Convolution(channels, out)
        self.rest = nn.Sequential(*(Convolution(out, out) for _ in range(layers - 1)))

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        return first + self.rest(first)


class Ancestor(nn.Module):
    """Images (N, 3, H, W) in [0, 1] to reconstructions, through a latent map (N, 256, H / 32, W / 32)."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(width for width, _ in STAGES)]
        self.encoder = nn.Sequential()
        for channels, (width, layers) in zip(widths, STAGES, strict=False):
            self.encoder.extend([Block(channels, width, layers), nn.MaxPool2d(2)])
        self.compress = nn.Sequential(nn.Conv2d(widths[-1], LATENT, 1), nn.ReLU(), nn.Dropout(0.2))
        self.decoder = nn.Sequential(nn.Conv2d(LATENT, widths[-1], 1), nn.ReLU())
        channels = widths[-1]
        for width, layers in reversed(STAGES):
            self.decoder.extend([nn.Upsample(scale_factor=2), Block(channels, width, layers)])
            channels = width
        self.output = nn.Sequential(nn.Conv2d(channels, 3, 1), nn.BatchNorm2d(3))

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.output(self.decoder(self.compress(self.encoder(images))))
        return F.relu(output).clamp(max=1)


def train_ancestor(
    train: Tensor, validation: Tensor, seconds: float, seed: int = 42
) -> Iterator[tuple[float, float]]:
    """Train on uint8 images (N, 3, H, W), channels_last, for so long; yield seconds and validation MAE an epoch.

    The clock stands still during validation, which is not its matter.
    """
    torch.manual_seed(seed)
    model = Ancestor().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    spent = 0.0
    while spent < seconds:
        started = time.perf_counter()
        model.train()
        for chosen in torch.randperm(len(train)).split(BATCH):
            images = train[chosen].float() / 255
            loss = F.l1_loss(model(images), images)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        spent += time.perf_counter() - started
        yield spent, validation_mae(model, validation)


@torch.inference_mode()
def validation_mae(model: nn.Module, images: Tensor) -> float:
    """Mean absolute error over uint8 images (N, 3, H, W), on the scale of 0 to 1."""
    model.eval()
    errors = [F.l1_loss(model(x), x, reduction="sum") for x in (b.float() / 255 for b in images.split(BATCH))]
    return float(torch.stack(errors).sum() / images.numel())
