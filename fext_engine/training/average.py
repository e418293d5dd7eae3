"""An exponential moving average of the weights: what a constant learning rate would settle to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_LIVE = "live/"


class WeightAverage:
    """Follows a model's weights with `decay` a step (Polyak and Juditsky 1992); with 0 it is the weights.

    Early on the average is over fewer steps: the decay rises as (1 + step) / (10 + step) until it is reached.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._live = dict(model.named_parameters())
        self._average = {n: p.detach().clone() for n, p in self._live.items()} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after optimizer step `step`, counted from 0."""
        if self._average:
            decay = min(self._decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(self._average.values()), list(self._live.values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While inside, the model has the averaged weights; afterwards its own again, to the bit."""
        if not self._average:
            yield
            return
        live = {name: parameter.detach().clone() for name, parameter in self._live.items()}
        self._put(self._average)
        try:
            yield
        finally:
            self._put(live)

    def state(self) -> dict[str, Tensor]:
        """The weights that training goes on from, where they are not the ones that a checkpoint is for."""
        return {_LIVE + name: parameter.detach() for name, parameter in self._live.items() if self._average}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take out of a training state what `state` put there; the model holds the checkpoint's weights."""
        live = {key.removeprefix(_LIVE): state.pop(key) for key in list(state) if key.startswith(_LIVE)}
        for name in self._average:
            self._average[name].copy_(self._live[name].detach())
        if live:
            self._put(live)

    @torch.no_grad()
    def _put(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self._live.items():
            parameter.copy_(weights[name])
