"""What training minimises: pixel errors, alone or mixed with structural dissimilarity."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from fext_engine.model.metrics import ssim

SSIM_SHARE = 0.2
"""Weight of the structural term in a mixture; the pixel error has the rest."""

Loss = Callable[[Tensor, Tensor], Tensor]



def _with_ssim(pixel_error: Loss) -> Loss:
    """Mix a pixel error with (1 - SSIM) / 2, as Zhao, Gallo, Frosio and Kautz (2017) mix MS-SSIM with MAE."""

    def mixture(output: Tensor, target: Tensor) -> Tensor:
        dissimilarity = (1 - ssim(output, target).mean()) / 2
        return (1 - SSIM_SHARE) * pixel_error(output, target) + SSIM_SHARE * dissimilarity

    return mixture


LOSSES: dict[str, Loss] = {
    "mae": F.l1_loss,
    "mse": F.mse_loss,
    "mae_ssim": _with_ssim(F.l1_loss),
    "mse_ssim": _with_ssim(F.mse_loss),
}
"""By name: a function of reconstructions and targets (N, C, H, W) that gives a scalar."""
