"""Muon for the convolutions, AdamW for the rest, as one optimizer whose state is a flat table of tensors."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fext_engine.errors import FextError
from fext_engine.model.autoencoder import Autoencoder

MUON_FACTOR = 5.0
"""Muon's learning rate over AdamW's: its updates have a norm that does not depend on the gradient's."""

_MOMENTUM = 0.95
_ADAMW_STATE = ("step", "exp_avg", "exp_avg_sq")
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@torch.no_grad()
def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Bring the singular values of matrices (B, rows, columns) to about 1, keeping their directions.

    The quintic Newton-Schulz iteration of Keller Jordan's Muon (2024), whose result lies between .7 and 1.2:
    X becomes p(X X^T) X, five times over. A GPU does just that, in bfloat16. Elsewhere the polynomials are
    multiplied up in the small space of X X^T, in float32, and X is touched only at the two ends: a third of
    the time for convolutions, whose matrices are wide.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    if x.device.type == "cuda":
        x = x.bfloat16()
        for _ in range(steps):
            x = _polynomial(x @ x.mT) @ x
    else:
        gram = x @ x.mT
        product = factor = _polynomial(gram)
        for _ in range(steps - 1):
            gram = factor @ gram @ factor
            factor = _polynomial(gram)
            product = factor @ product
        x = product @ x
    result: Tensor = x.mT if tall else x
    return result.to(matrices.dtype)


def _polynomial(gram: Tensor) -> Tensor:
    a, b, c = _NEWTON_SCHULZ
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return a * identity + b * gram + c * gram @ gram


class Muon:
    """Momentum, made orthogonal: for weights that act as matrices, here convolutions as (out, in * taps).

    `torch.optim.Muon` takes matrices only. Weights of one shape are stepped together, as one batch.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self.momentum = {name: torch.zeros_like(p) for name, p in parameters.items()}
        shapes: dict[torch.Size, list[tuple[str, nn.Parameter]]] = defaultdict(list)
        for name, parameter in parameters.items():
            shapes[parameter.shape].append((name, parameter))
        self._groups = list(shapes.items())

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Take one step with the gradients that the parameters hold."""
        for shape, group in self._groups:
            gradients = [p.grad for _, p in group if p.grad is not None]
            momenta = [self.momentum[name] for name, _ in group]
            torch._foreach_lerp_(momenta, gradients, 1 - _MOMENTUM)
            nesterov = torch._foreach_lerp(gradients, momenta, _MOMENTUM)
            updates = orthogonalize(torch.stack([u.reshape(shape[0], -1) for u in nesterov]))
            # A wide matrix of orthonormal rows moves its outputs less than a tall one of orthonormal columns.
            rows, columns = updates.shape[1:]
            scale = -rate * math.sqrt(max(1.0, rows / columns))
            for (_, parameter), update in zip(group, updates, strict=True):
                parameter.add_(update.view(shape), alpha=scale)


class Optimizer:
    """Steps all parameters of an autoencoder: `kind` is `muon` or `adamw`.

    Under `muon`, the first and last convolution, norms and biases are left to AdamW: they do not act as
    hidden matrices.
    """

    def __init__(self, model: Autoencoder, kind: str) -> None:
        named = dict(model.named_parameters())
        hidden = {
            n: p for n, p in named.items() if p.ndim == 4 and not n.endswith(("stem.weight", "head.weight"))
        }
        self._muon = Muon(hidden if kind == "muon" else {})
        self._names = [n for n in named if n not in self._muon.momentum]
        on_cuda = next(model.parameters()).device.type == "cuda"
        self._adamw = torch.optim.AdamW(
            [named[n] for n in self._names], lr=0.0, weight_decay=0.0, fused=on_cuda
        )

    def step(self, rate: float) -> None:
        """Take one step with AdamW at `rate` and Muon at five times that."""
        for group in self._adamw.param_groups:
            group["lr"] = rate
        self._adamw.step()
        self._muon.step(MUON_FACTOR * rate)

    def state(self) -> dict[str, Tensor]:
        """Everything the next step depends on but the weights: tensors by `parameter/quantity`."""
        tensors = {f"{name}/momentum": t for name, t in self._muon.momentum.items()}
        for name, parameter in zip(self._names, self._adamw.param_groups[0]["params"], strict=True):
            tensors |= {f"{name}/{key}": value for key, value in self._adamw.state[parameter].items()}
        return tensors

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned; raises FextError when it belongs to another model or optimizer."""
        wanted = {f"{name}/momentum" for name in self._muon.momentum}
        if any(not key.endswith("/momentum") for key in tensors):  # AdamW has no state before its first step
            wanted |= {f"{name}/{quantity}" for name in self._names for quantity in _ADAMW_STATE}
        if strange := sorted(wanted ^ tensors.keys()):
            raise FextError(
                f"the training state does not fit the model and optimizer: it lacks or has too much {strange[0]}",
                "restore the run's own configuration.toml, or take another checkpoint",
            )
        for name, momentum in self._muon.momentum.items():
            momentum.copy_(tensors[f"{name}/momentum"])
        adamw = {
            i: {quantity: tensors[f"{name}/{quantity}"].clone() for quantity in _ADAMW_STATE}
            for i, name in enumerate(self._names)
            if f"{name}/step" in tensors
        }
        groups = self._adamw.state_dict()["param_groups"]
        self._adamw.load_state_dict({"state": adamw, "param_groups": groups})
