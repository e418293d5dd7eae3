"""A run's figures for TensorBoard, where that is installed and asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from fext_engine.jobs.job import Job
from fext_engine.training.history import EpochRecord
from fext_engine.training.run_folder import RunFolder

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


def open_tensorboard(job: Job, run: RunFolder, wanted: bool) -> AbstractContextManager[SummaryWriter | None]:
    """A writer into the run's folder `tensorboard/`, or None; a missing TensorBoard is told, and no reason to stop."""
    if not wanted:
        return nullcontext()
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        job.log("no curves for TensorBoard: it is not installed (the extra `tensorboard`)", "warning")
        return nullcontext()
    writer: AbstractContextManager[SummaryWriter] = SummaryWriter(run.path / "tensorboard")
    return writer


def write_epoch(writer: SummaryWriter | None, record: EpochRecord) -> None:
    """Add the figures of an epoch to the curves."""
    if writer:
        for name, value in record.values().items():
            writer.add_scalar(name, value, record.epoch)
