"""A training whose step does not fit in memory: it goes on with half the batch, or ends with what to lower."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from fext_engine.errors import FextError, is_out_of_memory
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.settings import Settings
from fext_engine.training.batches import batch_size
from fext_engine.training.run_folder import RunFolder

T = TypeVar("T")


def within_memory(
    job: Job, run: RunFolder, settings: Settings, may_halve: bool, work: Callable[[Settings], T]
) -> T:
    """Return `work(settings)`, where memory runs out the same with half the batch, down to one image.

    `work` trains from the run's last checkpoint, or from the start while there is none; the run's configuration
    gets the number. Raises FextError that says what to lower where the batch may not change or is one image, or
    where several processes train together, since all of them would have to do the same.
    """
    while True:
        size = batch_size(settings)
        try:
            return work(settings)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if size == 1 or not may_halve or job.ranks.count > 1:
                raise _no_room(run, settings, error) from error
        # Only now, since the exception held all that the step had computed.
        gc.collect()
        torch.cuda.empty_cache()
        settings = settings.with_options({"training.batch_size": size // 2})
        run.write_settings(settings)
        last = run.pointed("last")
        place = f"checkpoint {last.name}" if last else "the start"
        job.log(f"out of memory with {size} images a step: on with {size // 2}, from {place}", "warning")


def _no_room(run: RunFolder, settings: Settings, error: Exception) -> FextError:
    size, data = batch_size(settings), settings.dataset
    counted = f"{size} images" if size > 1 else "one image"
    said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    what = (
        f"out of memory: training.batch_size {size} is {counted} of {data.image_height}x{data.image_width} a step "
        f"through {settings.model.name} ({said})"
    )
    if run.pointed("last"):
        free = "free some memory"
        if size > 1:
            free += f", or lower training.batch_size in {escape_name(str(run.configuration))}"
        return FextError(what, f"{free}, then `fext resume {run.name}` goes on from its last checkpoint")
    lower = "dataset.image_height and dataset.image_width, or take a smaller model.name"
    if size > 1:
        lower = f"training.batch_size (or set it to auto), or {lower}"
    return FextError(what, f"lower {lower}, and train again")
