"""The verb `estimate`: what a training would take, from the model itself and a short trial on the real device."""

from __future__ import annotations

import time
from collections.abc import Iterable
from math import prod
from typing import Any

import torch
from torch import Tensor

from fext_engine.jobs.job import Job
from fext_engine.latents.pooling import row_shape
from fext_engine.training.batches import batch_size, training_batches
from fext_engine.training.cache import read_again
from fext_engine.training.cache_room import choose_mode
from fext_engine.training.checkpoints import Position, save_checkpoint
from fext_engine.training.memory import activation_bytes, free_bytes
from fext_engine.training.trainer import Trainer
from fext_engine.training.trial import endless_batches, plan_trial, read_some, stop_if_asked, trial_trainer
from fext_engine.training.validation import validate

WARM_UP_STEPS = 6  # the first ones allocate, and choose and compile kernels
TRIAL_STEPS = 24
TRIAL_SECONDS = 8.0  # then a step that is slow is the last one
_BATCHES_READ = 4


def estimate(job: Job) -> dict[str, Any]:
    """Estimate a training with the job's settings. Nothing of it is kept.

    Returns sizes in bytes, times in seconds and the numbers they follow from; `memory_bytes` is what torch
    needs at its peak, `epoch_seconds` is an epoch with its validation and its checkpoint.
    """
    plan = plan_trial(job)
    settings, device, request = plan.settings, plan.device, plan.request
    mode = choose_mode(request.mode, request.bytes, request.stored, request.limit_gb, job.log)
    size = batch_size(settings)
    paths = [file.path for file in request.files[: max(size, min(_BATCHES_READ * size, 256))]]
    started = time.monotonic()
    cache = read_some(job, request, paths)
    read_seconds = (time.monotonic() - started) / len(paths)
    if mode == "off":
        cache.pixels, cache.reader = None, lambda path: read_again(request, path)
    with trial_trainer(job, plan, cache) as trainer:
        batch = next(training_batches(trainer.train_data, settings, 1, 0, device))
        activations = activation_bytes(trainer.model, batch.inputs, settings)
        trainer.prepare(settings.training.epochs)
        steps, images_per_second = _try_training(job, trainer)
        validated_per_second = _try_validation(job, trainer)
        checkpoint_bytes, checkpoint_seconds = _try_checkpoint(job, trainer)
    train_images, validation_images = len(plan.train), len(plan.validation)
    epochs, each = settings.training.epochs, settings.training.checkpoint_every
    epoch_seconds = (
        train_images / images_per_second
        + validation_images / validated_per_second
        + checkpoint_seconds / each
    )
    read_before = (
        mode == "off" or request.stored.is_dir()
    )  # where it is off, the trial's steps have read anew
    reading_seconds = 0.0 if read_before else len(request.files) * read_seconds
    latent_shape, inference = trainer.model.latent_shape, settings.inference
    return {
        "model": settings.model.name, "device": _device_name(device),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "latent_shape": list(latent_shape),
        "latent_values": prod(row_shape(latent_shape, inference.pooling, inference.pca_components)),
        **_memory(trainer, activations),
        "pixel_cache": mode, "pixel_cache_bytes": 0 if mode == "off" else request.bytes,
        "checkpoint_bytes": checkpoint_bytes,
        "checkpoints_kept": min(settings.training.keep_last + 1, -(-epochs // each)),
        "batch_size": size, "train_images": train_images, "validation_images": validation_images,
        "trial_steps": steps, "images_per_second": images_per_second,
        "reading_seconds": reading_seconds, "epoch_seconds": epoch_seconds, "epochs": epochs,
        "total_seconds": reading_seconds + epochs * epoch_seconds,
    }  # fmt: skip


def _memory(trainer: Trainer, activations: int) -> dict[str, int]:
    """What takes memory on the device after a few steps, and how much of it is free."""
    weights = _bytes(trainer.model.state_dict().values())
    optimizer = _bytes(trainer.state().values())  # with the average of the weights, where there is one
    needed, free = 2 * weights + optimizer + activations, free_bytes(trainer.device)
    if trainer.device.type == "cuda":
        needed = max(needed, torch.cuda.max_memory_reserved(trainer.device))
        free += torch.cuda.memory_reserved(trainer.device)
    return {
        "weights_bytes": weights, "gradients_bytes": weights, "optimizer_bytes": optimizer,
        "activations_bytes": activations, "memory_bytes": needed, "memory_free_bytes": free,
    }  # fmt: skip


def _try_training(job: Job, trainer: Trainer) -> tuple[int, float]:
    """How many steps were timed, after those that warm up, and the images a second in them."""
    trainer.model.train()
    images, started = 0, time.monotonic()
    for number, batch in enumerate(endless_batches(trainer), start=1 - WARM_UP_STEPS):
        stop_if_asked(job)
        job.progress("trial steps", number + WARM_UP_STEPS, WARM_UP_STEPS + TRIAL_STEPS, "steps")
        figures = trainer.train_step(batch)
        if number == 0:
            figures.cpu()  # waits for the device
            images, started = 0, time.monotonic()
        elif number > 0:
            images += len(batch.targets)
            if number == TRIAL_STEPS or time.monotonic() - started > TRIAL_SECONDS:
                figures.cpu()
                return number, images / max(time.monotonic() - started, 1e-9)
    raise AssertionError("the batches have no end")


def _try_validation(job: Job, trainer: Trainer) -> float:
    """Images a second without a way back."""
    data, started = trainer.validation_data, time.monotonic()
    validate(trainer.model, data, trainer.settings, trainer.device, lambda _: stop_if_asked(job))
    return len(data) / max(time.monotonic() - started, 1e-9)


def _try_checkpoint(job: Job, trainer: Trainer) -> tuple[int, float]:
    """Bytes of a checkpoint, and the seconds that writing it takes."""
    stop_if_asked(job)
    started = time.monotonic()
    folder = save_checkpoint(trainer.run, Position(1), trainer.model.state_dict(), trainer.state())
    return sum(file.stat().st_size for file in folder.iterdir()), time.monotonic() - started


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
