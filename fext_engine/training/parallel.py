"""A training step whose batch several processes share, each its part in pieces that fit its memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fext_engine.model.autoencoder import Autoencoder
from fext_engine.model.blocks import BatchDropout
from fext_engine.ranks import Ranks
from fext_engine.training.batches import Batch


class ParallelModel:
    """A model whose gradients are those of the whole batch on every process, by DistributedDataParallel.

    Alone it is the model itself. On GPUs the gradients go over NCCL, elsewhere over gloo.
    """

    def __init__(self, model: Autoencoder, ranks: Ranks, device: torch.device) -> None:
        self._ranks = ranks
        self._dropouts = [module for module in model.modules() if isinstance(module, BatchDropout)]
        self.module: nn.Module = model
        if ranks.count > 1:
            on_gpu = device.type == "cuda"
            self.module = DistributedDataParallel(
                model, device_ids=[device.index] if on_gpu else None,
                process_group=dist.new_group(backend="nccl") if on_gpu else None,
            )  # fmt: skip

    def pieces(self, batch: Batch, count: int) -> Iterator[tuple[Batch, float]]:
        """Split this process's part of a batch into `count` pieces at most, each with its weight in the loss.

        The weight makes of a mean over the piece a share in the mean over the whole batch. Inside the loop the
        dropout falls as on the whole batch, and gradients are exchanged with the last piece.
        """
        size = -(-len(batch.inputs) // count)
        inputs, targets = torch.split(batch.inputs, size), torch.split(batch.targets, size)
        for number, (some, wanted) in enumerate(zip(inputs, targets, strict=True)):
            first = batch.first + number * size
            if len(some) < batch.total:
                for dropout in self._dropouts:
                    dropout.part = (first, batch.total)
            counted = len(some) if batch.counts else 0
            with self._exchanging(number == len(inputs) - 1):
                yield Batch(some, wanted, first, batch.total), counted * self._ranks.count / batch.total
            for dropout in self._dropouts:
                dropout.part = None

    def _exchanging(self, wanted: bool) -> AbstractContextManager[object]:
        if wanted or not isinstance(self.module, DistributedDataParallel):
            return nullcontext()
        return self.module.no_sync()


def counted_once(figures: list[Tensor], ranks: Ranks) -> list[Tensor]:
    """The figures of whole batches, which all processes have, so that a sum over them counts each once."""
    return figures if ranks.leads else [torch.cat([0 * one[:1], one[1:]]) for one in figures]


def summed_figures(figures: list[Tensor], ranks: Ranks) -> Tensor:
    """The figures (batches, 4) of whole batches, on the CPU: images, then means over them.

    Each process has them for its part of the batch. Every process must ask, and gets the same.
    """
    own = torch.stack(figures)
    if ranks.count == 1:
        return own
    own = own.cpu().double()
    sums = torch.tensor(ranks.sum(torch.cat([own[:, :1], own[:, 1:] * own[:, :1]], 1).flatten().tolist()))
    sums = sums.reshape(own.shape)
    return torch.cat([sums[:, :1], sums[:, 1:] / sums[:, :1]], 1).float()
