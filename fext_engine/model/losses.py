"""What training minimises."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, Loss] = {"mae": F.l1_loss, "mse": F.mse_loss}
"""By name: a function of reconstructions and targets (N, C, H, W) that gives a scalar."""
