"""The parts that the autoencoders are built of: residual blocks, and halving and doubling with parameter-free links."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each position of an (N, C, H, W) tensor.

    A permute and `F.layer_norm`: with channels_last memory the permute is free, and this is four times as
    fast on a CPU as mean and variance over dimension 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, eps=1e-6)
        return y.permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """x + conv(silu(... conv(norm(x)))): `layers` 3x3 convolutions, the last one zero at the start.

    So a new network is the sum of its links alone, and each block learns a correction to them.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        body: list[nn.Module] = [ChannelNorm(channels)]
        for _ in range(layers - 1):
            body += [nn.Conv2d(channels, channels, 3, padding=1), nn.SiLU()]
        last = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # a Conv2d made with a bias has one
        self.body = nn.Sequential(*body, last)

    def forward(self, x: Tensor) -> Tensor:
        correction: Tensor = self.body(x)
        return x + correction


def residual_blocks(channels: int, layers: int) -> nn.Sequential:
    """`layers` convolutions as residual blocks of two, the last of three when the number is odd."""
    sizes = [2] * (layers // 2)
    sizes[-1] += layers % 2
    return nn.Sequential(*(ResidualBlock(channels, size) for size in sizes))


def fewer_channels(x: Tensor, channels: int) -> Tensor:
    """Average neighbouring channels so that `channels` are left, a divisor of what there is."""
    n, _, height, width = x.shape
    return x.reshape(n, channels, -1, height, width).mean(2)


def more_channels(x: Tensor, channels: int) -> Tensor:
    """Repeat each channel so that there are `channels`, a multiple of what there is."""
    return x.repeat_interleave(channels // x.shape[1], dim=1)


def halved(x: Tensor, channels: int) -> Tensor:
    """(N, C, H, W) to (N, channels, H/2, W/2): space to depth, then the mean over groups of channels.

    Groups of four neighbours are a mean over 2x2 pixels; groups of two, where the channels double, a mean
    over pairs in a row, with the two rows side by side as channels. One pass over channels_last memory.
    """
    if channels == x.shape[1]:
        return F.avg_pool2d(x, 2)
    n, c, height, width = x.shape
    rows = F.avg_pool2d(x, (1, 2)).permute(0, 2, 3, 1).reshape(n, height // 2, 2, width // 2, c)
    return rows.permute(0, 1, 3, 4, 2).reshape(n, height // 2, width // 2, channels).permute(0, 3, 1, 2)


def doubled(x: Tensor, channels: int) -> Tensor:
    """(N, C, H, W) to (N, channels, 2H, 2W): each channel repeated, then depth to space; `halved` backwards.

    Where the channels stay it is nearest-neighbour upsampling; where they halve, two neighbours become two rows.
    """
    n, c, height, width = x.shape
    pair = c // channels
    rows = x.permute(0, 2, 3, 1).reshape(n, height, width, channels, pair).permute(0, 1, 4, 2, 3)
    rows = rows.unsqueeze(4).expand(n, height, 2, width, 2, channels)
    return rows.reshape(n, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


def pad_to_even(x: Tensor) -> Tensor:
    """Repeat the last row or column where the height or width is odd."""
    height, width = x.shape[-2:]
    if height % 2 == 0 and width % 2 == 0:
        return x
    return F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")


class Halve(nn.Module):
    """(N, C, H, W) to (N, out, ceil(H/2), ceil(W/2)): max pooling and a 1x1 convolution, beside a link.

    The link has no parameters: space to depth, then the mean over groups of channels (DC-AE,
    arXiv 2410.10733). It carries the image through from the first step on.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.out = out
        self.conv = nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = pad_to_even(x)
        pooled: Tensor = self.conv(F.max_pool2d(x, 2))
        return pooled + halved(x, self.out)


class Double(nn.Module):
    """(N, C, H, W) to (N, out, 2H, 2W): a transposed convolution beside a link without parameters.

    The link repeats channels and moves them into space. The convolution's four taps are equal at the start
    (ICNR), which makes it a 1x1 convolution and nearest-neighbour upsampling: no checkerboard.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.out = out
        self.conv = nn.ConvTranspose2d(channels, out, 2, stride=2)
        with torch.no_grad():
            self.conv.weight.copy_(self.conv.weight[:, :, :1, :1].expand_as(self.conv.weight).clone())

    def forward(self, x: Tensor) -> Tensor:
        grown: Tensor = self.conv(x)
        return grown + doubled(x, self.out)


class BatchDropout(nn.Dropout):
    """Dropout that falls on a part of a batch as it would on the whole one, whoever computes the other parts."""

    part: tuple[int, int] | None = None
    """Where the images at hand begin in the whole batch, and how many that has; None: they are all of it."""

    def forward(self, x: Tensor) -> Tensor:
        if self.part is None or not self.training:
            return super().forward(x)
        first, total = self.part
        whole = x.new_ones((total, *x.shape[1:])).contiguous(memory_format=torch.channels_last)
        return x * super().forward(whole)[first : first + len(x)]


class DenseStack(nn.Module):
    """Two dense layers applied at each position, with dropout between, beside a link: (N, C, H, W) to (N, out, H, W).

    The Compression Layer and, mirrored, the decompression layer. The dropout leaves the link alone, so it
    never hides a part of the latent vector from the decoder.
    """

    def __init__(self, channels: int, out: int, dropout: float) -> None:
        super().__init__()
        self.out = out
        hidden = max(channels, out)
        self.dense = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.SiLU(), BatchDropout(dropout), nn.Conv2d(hidden, out, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        resize = more_channels if self.out >= x.shape[1] else fewer_channels
        dense: Tensor = self.dense(x)
        return dense + resize(x, self.out)
