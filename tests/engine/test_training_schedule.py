"""Learning rates worked out by hand."""

from __future__ import annotations

import pytest

from fext_engine.sections import ScheduleSettings
from fext_engine.training.schedule import learning_rate


def rates(steps, planned=1000, **settings):
    schedule = ScheduleSettings(initial_lr=1.0, target_lr=0.1, **settings)
    return [learning_rate(step, planned, schedule) for step in steps]


def test_the_warm_up_rises_in_equal_steps_and_never_starts_at_zero():
    assert rates(range(5), warmup_steps=3) == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert rates([0], warmup_steps=0) == [1]


def test_off_is_constant_whatever_the_plan():
    assert rates([10, 999, 50_000], warmup_steps=3) == [1, 1, 1]
    assert rates([700], planned=10, warmup_steps=3) == rates([700], planned=10_000, warmup_steps=3)


def test_linear_is_constant_then_falls_to_the_target_and_stays():
    steps = [99, 100, 150, 199, 200, 10_000]
    values = rates(steps, kind="linear", warmup_steps=0, constant_steps=100, decay_steps=100)
    assert values == pytest.approx([1, 1, 0.55, 0.109, 0.1, 0.1])


def test_wsd_falls_over_the_last_fifth_of_the_plan():
    values = rates([799, 800, 900, 1000], kind="wsd", warmup_steps=10)
    assert values == pytest.approx([1, 1, 0.55, 0.1])
