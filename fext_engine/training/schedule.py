"""The learning rate as a function of the step alone, or of the step and the planned number of steps."""

from __future__ import annotations

from fext_engine.sections import ScheduleSettings

WSD_DECAY_SHARE = 0.2


def learning_rate(step: int, planned_steps: int, schedule: ScheduleSettings) -> float:
    """The rate of optimizer step `step`, counted from 0.

    It rises from zero over `warmup_steps`. Then `off` is constant; `linear` is constant up to
    `constant_steps` and falls to `target_lr` over `decay_steps`; `wsd` (warm-up, stable, decay) falls to
    `target_lr` over the last fifth of `planned_steps`. Only `wsd` depends on the plan.
    """
    high, low = schedule.initial_lr, schedule.target_lr
    if step < schedule.warmup_steps:
        return high * (step + 1) / (schedule.warmup_steps + 1)
    if schedule.kind == "linear":
        return _fall(high, low, (step - schedule.constant_steps) / schedule.decay_steps)
    if schedule.kind == "wsd":
        decay_steps = max(1.0, WSD_DECAY_SHARE * planned_steps)
        return _fall(high, low, (step - (planned_steps - decay_steps)) / decay_steps)
    return high


def _fall(high: float, low: float, share: float) -> float:
    return high + (low - high) * min(1.0, max(0.0, share))
