"""How like its original a reconstruction is: MSE, MAE, PSNR, SSIM and cosine similarity, one value an image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5

METRICS = ("mse", "mae", "psnr", "ssim", "cosine")
"""Names of the image metrics, in the order in which tables show them."""


def image_metrics(output: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Every metric of METRICS for images (N, C, H, W), float in [0, 1]; each value is a tensor (N,)."""
    output, target = output.float(), target.float()
    squared = (output - target).square().flatten(1).mean(1)
    return {
        "mse": squared,
        "mae": (output - target).abs().flatten(1).mean(1),
        "psnr": psnr_of(squared),
        "ssim": ssim(output, target),
        "cosine": cosine_similarity(output, target),
    }


def psnr_of(mean_squared_error: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB for a peak of 1; at most 100 dB, so that an exact copy stays finite."""
    return -10 * torch.log10(mean_squared_error.clamp_min(1e-10))


def cosine_similarity(output: Tensor, target: Tensor) -> Tensor:
    """Cosine of the angle between two images' pixel vectors: (N, C, H, W) twice to (N,)."""
    return F.cosine_similarity(output.float().flatten(1), target.float().flatten(1), dim=1)


def ssim(output: Tensor, target: Tensor) -> Tensor:
    """Structural similarity of images (N, C, H, W) in [0, 1], averaged over channels and positions: (N,).

    Wang, Bovik, Sheikh and Simoncelli (2004): 11-tap Gaussian window of sigma 1.5, K1 = .01, K2 = .03, over
    the positions where the window lies inside the image. An image narrower than the window gets the largest
    odd window that fits it.
    """
    window = min(SSIM_WINDOW, *(size - (size + 1) % 2 for size in output.shape[-2:]))
    taps = _gaussian(window).to(output)
    mean_x, mean_y = _blur(output, taps), _blur(target, taps)
    variance_x = _blur(output * output, taps) - mean_x * mean_x
    variance_y = _blur(target * target, taps) - mean_y * mean_y
    covariance = _blur(output * target, taps) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (luminance * structure).flatten(1).mean(1)


def _gaussian(size: int) -> Tensor:
    offsets = torch.arange(size, dtype=torch.float32) - size // 2
    weights = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2))
    return weights / weights.sum()


def _blur(images: Tensor, taps: Tensor) -> Tensor:
    n, channels, height, width = images.shape
    flat = images.reshape(n * channels, 1, height, width)
    flat = F.conv2d(F.conv2d(flat, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
    return flat.view(n, channels, *flat.shape[-2:])
