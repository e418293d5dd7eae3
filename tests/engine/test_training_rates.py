"""The learning-rate test: what it suggests on curves whose answer is known, and the whole verb on a few images."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image
from tiny_training import ask_to_stop, at_step, make_workspace, small_settings

from fext_engine.cli import main
from fext_engine.cli.display import PlainDisplay
from fext_engine.errors import JobStopped
from fext_engine.jobs.run import run_here
from fext_engine.model.losses import LOSSES
from fext_engine.training import find_lr
from fext_engine.training.rate_curve import DIVERGED, RateCurve

SETTINGS = small_settings(training__optimizer="adamw")  # the quicker one for tiny images
RATES = np.geomspace(1e-5, 1e-1, 100)


def curve_of(losses):
    """The curve of a test that sees `losses`, which may end it."""
    curve = RateCurve()
    for rate, loss in zip(RATES.tolist(), losses.tolist(), strict=True):
        curve.add(rate, loss)
        if curve.ended:
            break
    return curve


def noise(size, seed=0):
    return np.random.default_rng(seed).normal(0, size, len(RATES))


@pytest.mark.parametrize("size", [0, 0.005, 0.01])
def test_a_valley_has_its_suggestion_where_the_loss_stops_to_fall(size):
    place = np.log10(RATES)
    falling = 0.25 / (1 + np.exp(6 * (place + 3)))  # fastest at 1e-3
    rising = 0.6 / (1 + np.exp(-8 * (place + 1.2)))
    valley = 0.1 + falling + rising
    curve = curve_of(valley + noise(size))
    assert valley[curve.suggested] < valley.min() + 0.02, "a tenth of the fall is left at most"
    assert RATES[curve.suggested] < 1.3 * RATES[valley.argmin()]
    # the average lags behind by nine steps at most: a factor of 2.3
    assert 0.9e-3 < curve.rates[curve.steepest] < 2.4e-3
    assert curve.steepest < curve.suggested < curve.lowest
    assert max(curve.losses[: curve.lowest]) < curve.highest_shown < 0.5


def test_a_loss_that_falls_at_once_and_burst_is_suggested_no_less_than_its_steepest_descent():
    losses = np.concatenate([np.full(30, 0.4), np.linspace(0.4, 0.1, 5), np.full(65, 3.0)])
    curve = curve_of(losses)
    assert curve.suggested == curve.steepest <= curve.lowest < 35


@pytest.mark.parametrize(
    "losses",
    [np.full(100, 0.3), 0.3 + noise(0.05), 0.3 + noise(0.15), 0.3 * np.linspace(1, 3, 100) + noise(0.03), np.zeros(100)],
    ids=["flat", "noise", "much noise", "only rising", "zero"],
)
def test_without_a_descent_nothing_is_suggested(losses):
    curve = curve_of(losses)
    assert curve.steepest is None and curve.suggested is None
    assert curve.lowest is not None


def test_it_ends_where_the_loss_is_no_number_or_far_above_its_lowest():
    falling = np.linspace(0.5, 0.1, 100)
    broken = falling.copy()
    broken[60] = np.nan
    curve = curve_of(broken)
    assert len(curve.rates) == 61 and "not a number" in curve.ended and len(curve.points) == 60
    assert 50 <= curve.suggested <= curve.lowest == 59
    assert curve_of(np.full(100, np.inf)).lowest is None
    burst = falling.copy()
    burst[70:] = 30.0
    curve = curve_of(burst)
    assert len(curve.rates) < 75 and f"{DIVERGED:.0f} times" in curve.ended


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("rates"), images=20)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(find_lr, "STEPS", 30)


def job_folders(workspace):
    return sorted(workspace.jobs.glob("*-find-lr-*"))


def test_twice_the_same_and_nothing_is_kept_but_table_and_figure(workspace, short, capsys):
    seen = []
    first = run_here(workspace, "find-lr", SETTINGS, on_event=seen.append)
    options = [f"{section}.{key}={value}" for section, values in SETTINGS.model_dump().items()
               for key, value in values.items() if value != "" and section != "health"]  # fmt: skip
    assert main(["find-lr", "--resources", str(workspace.root), *(w for o in options for w in ("--set", o))]) == 0
    tables = [(folder / "learning_rates.csv").read_text() for folder in job_folders(workspace)[-2:]]
    assert len(tables) == 2 and tables[0] == tables[1]
    rows = list(csv.DictReader(tables[0].splitlines()))
    assert list(rows[0]) == ["step", "learning_rate", "loss", "smoothed"] and len(rows) == first["steps"]
    assert float(rows[0]["learning_rate"]) == 1e-5 and rows[0]["loss"] == rows[0]["smoothed"]
    assert (first["images"], first["batch_size"]) == (12, 4), "whole batches of the 15 images to train on"
    assert 1e-5 < first["steepest_lr"] <= first["suggested_lr"] <= first["lowest_loss_lr"] <= 0.1
    with Image.open(job_folders(workspace)[-1] / "learning_rates.png") as figure:
        assert figure.width > 600
    stages = {event.data.get("stage") for event in seen if event.kind == "progress"}
    assert stages == {"reading images", "raising the rate"}
    drawn = [event.data["curve"] for event in seen if "curve" in event.data]
    assert drawn[-1] == first["curve"], "whoever follows the job sees the curve grow"
    assert not [*workspace.cache.glob("*"), *workspace.checkpoints.glob("*/*")]

    out = capsys.readouterr().out
    assert f"use             --set schedule.initial_lr={first['suggested_lr']:g}\n" in out
    table = [line.split() for line in out.partition("learning rate  loss\n")[2].splitlines()]
    assert table[0][0] == "1.0e-05" and float(table[-1][0]) == pytest.approx(first["curve"][-1][0], rel=0.05)
    assert f"{first['suggested_lr']:.1e}" in [row[0] for row in table if row[2:] == ["suggested"]]


def test_it_stops_at_a_step(workspace):
    with at_step(3, ask_to_stop), pytest.raises(JobStopped, match="cancelled"):
        run_here(workspace, "find-lr", SETTINGS)
    assert not list(job_folders(workspace)[-1].glob("learning_rates*")) and not list(workspace.cache.glob("*"))


def test_it_says_what_to_try_where_nothing_is_suggested(workspace, short, monkeypatch, capsys):
    monkeypatch.setattr(find_lr, "HIGHEST", 1.1e-5)
    monkeypatch.setattr(find_lr, "STEPS", 12)
    summary = run_here(workspace, "find-lr", SETTINGS, on_event=PlainDisplay())
    out = capsys.readouterr().out
    assert summary["suggested_lr"] is None and summary["ended"] == "every rate was tried"
    assert "larger training.batch_size" in out and "initial_lr=" not in out and "suggested\n" not in out


def test_a_loss_that_is_no_number_from_the_first_step_on_is_told(workspace, monkeypatch):
    monkeypatch.setitem(LOSSES, "mae", lambda output, target: (output - target).mean() * float("nan"))
    summary = run_here(workspace, "find-lr", SETTINGS)
    assert (summary["steps"], summary["curve"], summary["lowest_loss_lr"]) == (1, [], None)
    assert "not a number" in summary["ended"] and "mixed_precision" in summary["advice"]
    assert {file.suffix for file in job_folders(workspace)[-1].glob("learning_rates.*")} == {".csv", ".png"}
