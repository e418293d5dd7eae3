"""The estimate of a training: it must agree with the model that is built and the checkpoint that is written."""

from __future__ import annotations

import pytest
import torch
from tiny_training import ask_to_stop, at_step, make_workspace, small_settings, train

from fext_engine.cli.wording import summary_lines
from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.run import run_here
from fext_engine.training import estimate
from fext_engine.training.checkpoints import model_for


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(estimate, "TRIAL_STEPS", 2)


def left(workspace):
    """What lies where runs and caches are, but for what torch compiles into."""
    return [*workspace.cache.glob("[!c]*"), *workspace.root.joinpath("checkpoints").glob("*/*")]


@pytest.mark.parametrize("cache", ["ram", "off"])
def test_it_agrees_with_the_model_and_with_what_training_writes(tmp_path, cache):
    workspace = make_workspace(tmp_path)
    stages = []
    changes = {"dataset__cache": cache, "dataset__image_height": 40, "inference__pooling": "none", "training__ema": 0.9}
    settings = small_settings(**changes)
    summary = run_here(
        workspace, "estimate", settings, on_event=lambda e: stages.append(e.data.get("stage"))
    )
    assert left(workspace) == [], "nothing of a trial is kept"
    model = model_for(settings)
    assert summary["parameters"] == sum(p.numel() for p in model.parameters())
    latents = model.encode(torch.zeros(1, 3, 40, 16))
    assert summary["latent_shape"] == [*latents.shape[2:], latents.shape[1]]
    assert summary["latent_values"] == latents.numel()
    assert (summary["train_images"], summary["validation_images"]) == (12, 4)
    assert summary["pixel_cache_bytes"] == (16 * 40 * 16 * 3 if cache == "ram" else 0)
    assert summary["weights_bytes"] == 4 * summary["parameters"]
    parts = [summary[f"{part}_bytes"] for part in ("weights", "gradients", "optimizer", "activations")]
    assert min(parts) > 0 and summary["memory_bytes"] == sum(parts)
    assert summary["total_seconds"] == pytest.approx(
        2 * summary["epoch_seconds"] + summary["reading_seconds"]
    )
    assert {"reading images", "trial steps"} <= set(stages)
    assert any(line.split()[0] == "memory" and line.endswith("MB") for line in summary_lines(summary))
    if cache == "off":
        return
    run = train(workspace, **changes)
    written = sum(file.stat().st_size for file in run.pointed("last").iterdir())
    # a checkpoint after an epoch holds no figures of a batch
    assert summary["checkpoint_bytes"] == pytest.approx(written, rel=0.001)


def test_it_can_be_cancelled_and_says_what_is_missing(tmp_path):
    workspace = make_workspace(tmp_path)
    with at_step(3, ask_to_stop), pytest.raises(JobStopped, match="cancelled"):
        run_here(workspace, "estimate", small_settings())
    assert left(workspace) == []
    with pytest.raises(FextError, match="no images"):
        run_here(make_workspace(tmp_path / "empty", images=0), "estimate", small_settings())
