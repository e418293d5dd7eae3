"""What a training step needs of the device's memory, and the largest batch that fits there."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fext_engine.free_memory import free_memory
from fext_engine.model.autoencoder import Autoencoder
from fext_engine.model.losses import LOSSES
from fext_engine.settings import Settings
from fext_engine.training.checkpoints import model_for
from fext_engine.training.device import autocast

LARGEST = {"cpu": 32, "mps": 128, "cuda": 256}
"""Larger batches are not faster: a CPU is at its limit from 8 images on, a data-centre GPU from some hundred."""

LEAST_STEPS = 40
"""An epoch of fewer steps than this learns too little: with few images a smaller batch is better."""

SMALLEST = 4
"""With fewer images a step the optimizer costs more than the model; memory alone may ask for less."""

_SHARE = 0.5  # of the memory that is free: what a convolution needs to compute comes on top


def activation_bytes(model: Autoencoder, images: Tensor, settings: Settings) -> int:
    """What autograd keeps of images (N, C, H, W) for the way back, without the weights; not compiled."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        autocast(images.device, settings.training.mixed_precision),
    ):
        output = model(images)  # held until the block ends, so that no address is used twice
        LOSSES[settings.training.loss](output.float(), images)
    return sum(kept.values())


def free_bytes(device: torch.device) -> int:
    """What is free of the memory that training on `device` uses."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return free_memory()


def choose_batch_size(
    settings: Settings, images: int, device: torch.device, log: Callable[[str], None], processes: int = 1
) -> Settings:
    """Return settings whose `training.batch_size` is a number: what `auto` means for so many training images.

    The largest power of two whose step fits in half of the free memory, of which an epoch still has 40, and
    which is at least 4 and at most what makes a step faster. On a GPU one step is tried, and halved where
    memory runs out. Several `processes` share a batch, so that it may be as many times as large.
    """
    if settings.training.batch_size != "auto":
        return settings
    model = model_for(settings).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    each = activation_bytes(model, _blank(settings, 1, device), settings)
    pieces = processes * settings.training.accumulation
    fitting = pieces * int(_SHARE * free_bytes(device) / each)
    largest = processes * LARGEST[device.type]
    size = _power_of_two(min(largest, max(SMALLEST, images // LEAST_STEPS), fitting))
    on_gpu = device.type == "cuda"
    while on_gpu and size > 1 and not _one_step_fits(model, _blank(settings, -(-size // pieces), device)):
        size //= 2
    log(f"training.batch_size = auto: {size} images a step, each takes {each / 1e6:.0f} MB")
    return settings.with_options({"training.batch_size": size})


def _power_of_two(number: int) -> int:
    """The largest one that is not above `number`, and 1 at least."""
    return 1 << (max(1, number).bit_length() - 1)


def _blank(settings: Settings, count: int, device: torch.device) -> Tensor:
    data = settings.dataset
    channels = 1 if data.grayscale else 3
    blank = torch.zeros(count, channels, data.image_height, data.image_width, device=device)
    return blank.to(memory_format=torch.channels_last)


def _one_step_fits(model: Autoencoder, images: Tensor) -> bool:
    try:
        model(images).mean().backward()
    except torch.OutOfMemoryError:
        return False
    finally:
        model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
    return True
