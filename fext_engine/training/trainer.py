"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.job import Job
from fext_engine.jobs.load import ProcessLoad
from fext_engine.model.losses import LOSSES
from fext_engine.model.metrics import cosine_similarity
from fext_engine.settings import Settings
from fext_engine.training.augmentation import dropout_seed
from fext_engine.training.average import WeightAverage
from fext_engine.training.batches import Batch, ImageSet, batch_size, make_resident, training_batches
from fext_engine.training.checkpoints import (
    Position,
    discard_after,
    load_state,
    load_weights,
    model_for,
    prune,
    read_position,
    save_checkpoint,
)
from fext_engine.training.device import autocast, compile_model, gpu_load
from fext_engine.training.history import EpochRecord, best_epoch, read_history, write_history
from fext_engine.training.memory import free_bytes
from fext_engine.training.optimizer import Optimizer
from fext_engine.training.parallel import ParallelModel, counted_once, summed_figures
from fext_engine.training.run_folder import RunFolder
from fext_engine.training.samples import save_sample
from fext_engine.training.schedule import learning_rate
from fext_engine.training.validation import validate

CHECK_SECONDS = 2.0  # between looks at whether the loss is still a number; each waits for the device
SAVE_SECONDS = 600.0  # without a checkpoint, at most: what a kill or a power cut may cost

_FIGURES = ("loss", "mae", "cosine")


class Trainer:
    """Trains one run: knows where it stands, and takes it to a planned number of epochs."""

    def __init__(
        self,
        job: Job,
        run: RunFolder,
        settings: Settings,
        data: tuple[ImageSet, ImageSet],
        device: torch.device,
    ) -> None:
        self.job, self.run, self.settings, self.device = job, run, settings, device
        self.train_data, self.validation_data = data
        self.position = Position()
        self.history: list[EpochRecord] = []
        torch.manual_seed(settings.training.seed)
        self.model = model_for(settings).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss = LOSSES[settings.training.loss]
        self.optimizer = Optimizer(self.model, settings.training.optimizer)
        self.average = WeightAverage(self.model, settings.training.ema)
        self.steps_an_epoch = -(-len(self.train_data) // batch_size(settings))
        self.planned_epochs = 0
        self.ranks = job.ranks
        self._parallel: ParallelModel | None = None
        self._load = ProcessLoad()
        self._saved = time.monotonic()
        self._figures: list[Tensor] = []  # one (4,) a batch of this epoch: images, then _FIGURES
        self._finite = torch.ones((), dtype=torch.bool, device=device)

    def restore(self) -> None:
        """Go back to the run's last checkpoint: weights, optimizer, position, history.

        What a killed job left behind it is dropped. Raises FextError when the checkpoint is damaged.
        """
        checkpoint = self.run.pointed("last")
        if checkpoint is None:
            raise FextError(f"the run {self.run.name} has no checkpoint to go on from", "train a new run")
        self.position = read_position(checkpoint)
        load_weights(checkpoint, self.model)
        state = load_state(checkpoint)
        size = batch_size(self.settings)
        if "batch_size" in state and (before := int(state.pop("batch_size"))) != size:
            self.position = self.position.in_batches_of(size, before, self.steps_an_epoch)
        self._figures = list(state.pop("figures").to(self.device)) if "figures" in state else []
        self._figures = counted_once(self._figures, self.ranks)
        self.average.load_state(state)
        self.optimizer.load_state(state)
        self.history = read_history(self.run.history)[: self.position.epoch]
        if len(self.history) != self.position.epoch:
            raise FextError(
                f"the history of {self.run.name} lacks epochs", "restore history.csv, or train anew"
            )
        self.ranks.by_leader(lambda: self._tidy(checkpoint))

    def _tidy(self, checkpoint: Path) -> None:
        """Drop what lies behind the checkpoint that training goes on from."""
        write_history(self.run.history, self.history)
        best = best_epoch(self.history)
        if best and self.run.checkpoint(best.epoch).is_dir():
            self.run.point("best", self.run.checkpoint(best.epoch))
        discard_after(self.run, checkpoint)

    def fit(self, planned_epochs: int, on_epoch: Callable[[EpochRecord], None]) -> None:
        """Train until `planned_epochs` are done, calling `on_epoch` with the figures of each.

        Raises JobStopped, with everything saved, at the user's wish, and FextError when the training diverges.
        """
        self.prepare(planned_epochs)
        begun = self.position.epoch
        while self.position.epoch < planned_epochs:
            started, passed = time.monotonic(), self._images_passed()
            self._train_epoch()
            on_epoch(self._finish_epoch(time.monotonic() - started, self._images_passed() - passed))
            if self.position.epoch < planned_epochs and self.job.stop_agreed:
                self._stop()
            if self._out_of_patience(begun):
                break

    def prepare(self, planned_epochs: int) -> None:
        """Plan that many epochs; move the images and compile the model where that makes sense."""
        self.planned_epochs = planned_epochs
        make_resident(self.train_data, self.device, free_bytes(self.device))
        size = self.settings.dataset
        shape = (batch_size(self.settings), self.model.channels, size.image_height, size.image_width)
        warn = partial(self.job.log, level="warning")
        compile_model(self.model, shape, self.device, self.settings.training, warn)
        with self.ranks.losses_told():
            self._parallel = ParallelModel(self.model, self.ranks, self.device)

    def _train_epoch(self) -> None:
        self.model.train()
        epoch, checked = self.position.epoch + 1, time.monotonic()
        for batch in training_batches(
            self.train_data, self.settings, epoch, self.position.batch, self.device, ranks=self.ranks
        ):
            self._figures.append(self.train_step(batch))
            self._report()
            if time.monotonic() - checked > CHECK_SECONDS:
                self._check_finite()
                checked = time.monotonic()
            stop, save = self.ranks.sum([self.job.stop_requested, time.monotonic() - self._saved > SAVE_SECONDS])
            if stop:
                self._stop()
            if save:
                self._save_amid_epoch()
        self._check_finite()

    def train_step(self, batch: Batch, rate: float | None = None) -> Tensor:
        """One step, at `rate` in place of the schedule's; returns its figures (4,) without waiting for the device."""
        with self.ranks.losses_told():
            figures = self._gradients(batch)
        clip = self.settings.training.gradient_clip or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        self._finite &= figures[1].isfinite() & norm.isfinite()
        self.optimizer.step(self._rate(self.position.step) if rate is None else rate)
        self.average.update(self.position.step)
        self.model.zero_grad(set_to_none=True)
        at = self.position
        self.position = Position(at.epoch, at.batch + 1, at.step + 1)
        return figures

    def _gradients(self, batch: Batch) -> Tensor:
        """Put the gradients of the whole batch into the model; returns the figures (4,) of this process's part."""
        assert self._parallel is not None, "prepare() comes first"
        figures, training = [], self.settings.training
        for piece, weight in self._parallel.pieces(batch, training.accumulation):
            # The dropout's seed follows from the step, so that a resumed run repeats it.
            torch.manual_seed(dropout_seed(training.seed, self.position.step))
            with autocast(self.device, training.mixed_precision):
                output = self._parallel.module(piece.inputs)
            output, targets = output.float(), piece.targets
            loss = self.loss(output, targets)
            (loss if weight == 1 else loss * weight).backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                mae, cosine = (output - targets).abs().mean(), cosine_similarity(output, targets).mean()
                figures.append(torch.stack([torch.full_like(mae, len(targets)), loss.detach(), mae, cosine]))
        if len(figures) == 1 and batch.counts:
            return figures[0]
        pieces = torch.stack(figures)
        means = (pieces[:, 1:] * pieces[:, :1]).sum(0) / pieces[:, 0].sum()
        return torch.cat([pieces[:, 0].sum(0, keepdim=True) * batch.counts, means])

    def _finish_epoch(self, train_seconds: float, trained_images: int) -> EpochRecord:
        """Validate, note the figures, save what is due, and tell."""
        started = time.monotonic()
        figures = summed_figures(self._figures, self.ranks).cpu().double()
        means = (figures[:, 1:] * figures[:, :1]).sum(0) / figures[:, 0].sum()
        with self.average.applied():
            data, settings = self.validation_data, self.settings
            validation = validate(self.model, data, settings, self.device, self._report, ranks=self.ranks)
        record = EpochRecord(
            epoch=self.position.epoch + 1, learning_rate=self._rate(self.position.step - 1),
            images_per_second=trained_images / max(train_seconds, 1e-9),
            seconds=train_seconds + time.monotonic() - started,
            **dict(zip(_FIGURES, means.tolist(), strict=True)), **validation,
        )  # fmt: skip
        self._finite &= math.isfinite(record.val_loss)
        self._check_finite()
        self.position, self._figures = Position(record.epoch, 0, self.position.step), []
        self.history.append(record)
        if self.ranks.by_leader(lambda: self._keep(record)):
            self._saved = time.monotonic()
        return record

    def _keep(self, record: EpochRecord) -> bool:
        """Write the history, a checkpoint when one is due, and a picture, and tell of the epoch.

        Returns whether there was a checkpoint.
        """
        write_history(self.run.history, self.history)
        epoch, best = record.epoch, best_epoch(self.history) is record
        due = best or epoch % self.settings.training.checkpoint_every == 0 or epoch == self.planned_epochs
        if due:
            self._save(best)
        self.job.metric(epoch, record.values(), epochs=self.planned_epochs)
        with self.average.applied():
            sample = save_sample(self.run, epoch, self.model, self.validation_data, self.settings)
        self.job.sample(sample, epoch)
        return due

    def _out_of_patience(self, begun: int) -> bool:
        """Whether `patience` epochs went by without a better one; those before `begun`, a resume, do not count."""
        patience, best = self.settings.training.patience, best_epoch(self.history)
        if not patience or best is None or self.position.epoch < max(best.epoch, begun) + patience:
            return False
        self.ranks.by_leader(self._save_if_missing)
        self.job.log(
            f"stopped early: no validation loss below epoch {best.epoch}'s {best.val_loss:.4g} in {patience} epochs"
        )
        return True

    def state(self) -> dict[str, Tensor]:
        """What training goes on from, beside the weights that a checkpoint is for."""
        return self.optimizer.state() | {name: live.clone() for name, live in self.average.state().items()}

    def _save(self, best: bool) -> None:
        state = self.state() | {"batch_size": torch.tensor(batch_size(self.settings))}
        if self._figures:
            state["figures"] = torch.stack(self._figures)
        with self.average.applied():
            folder = save_checkpoint(self.run, self.position, self.model.state_dict(), state)
        if best:  # first: a resume sets it right, but after the last epoch there may be none
            self.run.point("best", folder)
        self.run.point("last", folder)
        prune(self.run, self.settings.training.keep_last)

    def _save_if_missing(self) -> None:
        if not self.run.checkpoint(self.position.epoch, self.position.batch).is_dir():
            self._save(best=False)

    def _save_amid_epoch(self) -> None:
        """Save exactly this state, from which any number of processes may go on."""
        self._check_finite()
        if self._figures:
            figures = summed_figures(self._figures, self.ranks).to(self.device)
            self._figures = counted_once(list(figures), self.ranks)
        self.ranks.by_leader(self._save_if_missing)
        self._saved = time.monotonic()

    def _stop(self) -> None:
        """Save exactly this state, and end."""
        self._save_amid_epoch()
        at = self.position
        where = f"in epoch {at.epoch + 1}/{self.planned_epochs} after batch {at.batch}/{self.steps_an_epoch}"
        if not at.batch:
            where = f"after epoch {at.epoch}/{self.planned_epochs}"
        left = self.planned_epochs - at.epoch
        raise JobStopped(
            f"stopped {where}", f"`fext resume {self.run.name} --epochs {left}` goes on from there"
        )

    def _check_finite(self) -> None:
        """Wait for the device and see whether every loss and gradient so far was a number."""
        if bool(self._finite):
            return
        last = self.run.pointed("last")
        kept = (
            f"the last good state is epoch {read_position(last).epoch}" if last else "nothing was saved yet"
        )
        raise FextError(
            f"training diverged in epoch {self.position.epoch + 1}: a loss or gradient is not a number; {kept}",
            "try a lower schedule.initial_lr, a training.gradient_clip of 1 or less, or training.mixed_precision off"
            + (f": write it into {self.run.name}/configuration.toml and `fext resume {self.run.name}`" if last else ""),
        )

    def _rate(self, step: int) -> float:
        planned = self.planned_epochs * self.steps_an_epoch
        return learning_rate(step, planned, self.settings.schedule)

    def _images_passed(self) -> int:
        """Images of the whole plan that are behind, validation included."""
        an_epoch = len(self.train_data) + len(self.validation_data)
        trained = min(self.position.batch * batch_size(self.settings), len(self.train_data))
        return self.position.epoch * an_epoch + trained

    def _report(self, validated: int = 0) -> None:
        total = self.planned_epochs * (len(self.train_data) + len(self.validation_data))
        self.job.progress("training", self._images_passed() + validated, total, more=self._live_figures)

    def _live_figures(self) -> dict[str, Any]:
        """What one watches in training; nothing here waits for the device."""
        return {
            "epoch": min(self.position.epoch + 1, self.planned_epochs),
            "epochs": self.planned_epochs,
            "learning_rate": self._rate(self.position.step),
            **self._load.measure(),
            **gpu_load(self.device),
        }
