"""The lower bounds of `distance` by torch, for a GPU and many queries."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fext_engine.latents.distance import Floats, Metric, Numbers, rounding_slack


class TorchBounds:
    """Bounds on a device of torch; see `Bounds`. Products are in full float32: TF32 rounds a thousand times more."""

    def __init__(self, queries: Floats, metric: Metric, device: str) -> None:
        torch.set_float32_matmul_precision("highest")
        self._device, self._metric = torch.device(device), metric
        self._slack = rounding_slack(queries.shape[1])
        given = torch.tensor(queries, device=self._device)
        self._origin = given.mean(0)
        moved = given if metric == "cosine" else given - self._origin
        squares = moved.square().sum(1)
        self._queries = moved * _inverse_lengths(squares)[:, None] if metric == "cosine" else moved * -2
        self._squares = squares

    def of(self, block: Floats) -> Tensor:
        rows = torch.tensor(block, device=self._device)
        rows = rows if self._metric == "cosine" else rows - self._origin
        squares = rows.square().sum(1)
        bounds = self._queries @ rows.T
        if self._metric == "cosine":
            bounds = bounds.mul_(-_inverse_lengths(squares)).add_(1 - self._slack)
        else:
            shrunk = 1 - 2 * self._slack
            bounds = bounds.add_(squares * shrunk).add_((self._squares * shrunk)[:, None])
        return bounds.masked_fill_(~squares.isfinite(), torch.inf)

    def smallest(self, bounds: Tensor, count: int) -> Numbers:
        found: Numbers = bounds.topk(count, dim=1, largest=False, sorted=False).indices.cpu().numpy()
        return found

    def within(
        self, bounds: Tensor, limits: Floats, most: int | None = None
    ) -> tuple[Numbers, Numbers] | None:
        near = bounds <= torch.tensor(limits, device=self._device)[:, None]
        if most is not None and int(near.sum()) > most:
            return None
        pairs = near.nonzero().cpu().numpy()
        return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def _inverse_lengths(squares: Tensor) -> Tensor:
    tiny = torch.finfo(torch.float32).tiny
    return torch.where(squares > tiny, squares.clamp(min=tiny).rsqrt(), 0)
