"""The verb `find-lr`: a learning rate for the model and the images at hand, by the range test of Smith (2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fext_engine.jobs.job import Job
from fext_engine.sections import TrainingSettings
from fext_engine.training.augmentation import epoch_order, identities
from fext_engine.training.batches import batch_size
from fext_engine.training.optimizer import MUON_FACTOR
from fext_engine.training.rate_curve import RateCurve
from fext_engine.training.rate_figure import save_rate_figure
from fext_engine.training.run_folder import write_csv
from fext_engine.training.trainer import Trainer
from fext_engine.training.trial import (
    TrialPlan,
    endless_batches,
    plan_trial,
    read_some,
    stop_if_asked,
    trial_trainer,
)

LOWEST, HIGHEST = 1e-5, 1e-1
STEPS = 100
_IMAGES = 512  # different ones are enough: the first is seen a second time after many others
_BYTES = 1_000_000_000  # that their pixels may take

_COLUMNS = ("step", "learning_rate", "loss", "smoothed")
_NO_DESCENT = (
    "no clear descent, so nothing is suggested: keep schedule.initial_lr, or try again with a larger "
    "training.batch_size (a calmer loss) or more images"
)
_NO_NUMBER = (
    "the loss was not a number before it fell, so nothing is suggested: try training.mixed_precision off, "
    "and a training.gradient_clip of 1 or less"
)


def find_lr(job: Job) -> dict[str, Any]:
    """Train with a rate that rises exponentially, and suggest one from how the loss falls. Nothing is trained on.

    Returns the suggestion (None where the loss does not fall, with `advice`), the rates of the steepest
    descent and of the lowest loss, why it ended, and the curve. A table and a figure of it stay in the job's
    folder.
    """
    plan = plan_trial(job)
    # A hundred steps are too few to pay for a compiler.
    plan = replace(plan, settings=plan.settings.with_options({"training.jit": "off"}))
    cache = read_some(job, plan.request, _choose_paths(plan))
    with trial_trainer(job, plan, cache) as trainer:
        trainer.prepare(1)
        curve = _raise_rate(job, trainer)
        images = len(trainer.train_data)
    training = plan.settings.training
    places = (curve.suggested, curve.steepest, curve.lowest)
    # Two digits: what further ones say follows from the choice of batches.
    suggested, steepest, lowest = (None if at is None else float(f"{curve.rates[at]:.2g}") for at in places)
    _save(job, curve, suggested, training)
    return {
        "suggested_lr": suggested,
        "use": "" if suggested is None else f"--set schedule.initial_lr={suggested:g}",
        "advice": "" if suggested is not None else _NO_NUMBER if lowest is None else _NO_DESCENT,
        "initial_lr": plan.settings.schedule.initial_lr,
        "steepest_lr": steepest, "lowest_loss_lr": lowest,
        "ended": curve.ended or "every rate was tried",
        "steps": len(curve.rates), "images": images, "batch_size": batch_size(plan.settings),
        "optimizer": training.optimizer, "loss": training.loss, "curve": _shown(curve),
    }  # fmt: skip


def _choose_paths(plan: TrialPlan) -> list[str]:
    """Training images in the order of the first epoch, so that they are a fair choice of all."""
    size, settings = batch_size(plan.settings), plan.settings
    height, width, channels = plan.request.size.shape
    wanted = max(size, min(_IMAGES, STEPS * size, _BYTES // (height * width * channels)))
    order = epoch_order(settings.training.seed, 1, identities(plan.train), shuffle=True)
    return [plan.train[i] for i in order[:wanted]]


def _raise_rate(job: Job, trainer: Trainer) -> RateCurve:
    """Train step by step, each at a higher rate."""
    curve = RateCurve()
    trainer.model.train()
    rates = np.geomspace(LOWEST, HIGHEST, STEPS).tolist()
    for rate, batch in zip(rates, endless_batches(trainer), strict=False):
        stop_if_asked(job)
        loss = float(trainer.train_step(batch, rate)[1])
        curve.add(rate, loss)
        done = len(curve.rates)
        total = done if curve.ended else STEPS
        job.progress("raising the rate", done, total, "steps", more=lambda: {"curve": _shown(curve)})
        if curve.ended:
            break
    return curve


def _save(job: Job, curve: RateCurve, suggested: float | None, training: TrainingSettings) -> None:
    table, figure = job.folder / "learning_rates.csv", job.folder / "learning_rates.png"
    steps = range(1, len(curve.rates) + 1)
    write_csv(table, _COLUMNS, list(zip(steps, curve.rates, curve.losses, curve.smoothed, strict=True)))
    job.artifact(table, "table")
    muon = f" (of Muon {MUON_FACTOR:g} times that)" if training.optimizer == "muon" else ""
    save_rate_figure(figure, curve, suggested, training.loss, f"learning rate of AdamW{muon}")
    job.artifact(figure, "figure")


def _shown(curve: RateCurve) -> list[list[float]]:
    """The smoothed curve in as many digits as a plot can show."""
    return [[float(f"{rate:.4g}"), float(f"{loss:.4g}")] for rate, loss in curve.points]
