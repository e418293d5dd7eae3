"""The estimate before a training: a job of its own, cancelled with its dialog, whose figures are shown."""

from __future__ import annotations

from app_driver import idle, opened, press, screen_text, until

from fext_tui.dialogs.estimate import EstimateDialog, estimate_text

SUMMARY = {
    "model": "FextAE Large", "device": "NVIDIA H100", "parameters": 40_000_000, "latent_shape": [1, 1, 512],
    "latent_values": 512, "weights_bytes": 160_000_000, "gradients_bytes": 160_000_000,
    "optimizer_bytes": 170_000_000, "activations_bytes": 90_000_000_000, "memory_bytes": 90_490_000_000,
    "memory_free_bytes": 80_000_000_000, "pixel_cache": "off", "pixel_cache_bytes": 0,
    "checkpoint_bytes": 330_000_000, "checkpoints_kept": 4, "train_images": 80_000, "validation_images": 20_000,
    "trial_steps": 12, "images_per_second": 800.0, "reading_seconds": 0.0, "epoch_seconds": 110.0, "epochs": 100,
    "total_seconds": 11_000.0,
}  # fmt: skip


def test_what_does_not_fit_into_memory_is_said():
    text = estimate_text(SUMMARY, ["train a"])
    assert "more memory than is free" in text and "beside train a" in text
    assert "3:03:20 for 100 epochs" in text and "up to 4 are kept, 1.3 GB" in text
    assert "more memory" not in estimate_text(SUMMARY | {"memory_free_bytes": 91_000_000_000}, [])


async def test_it_runs_beside_the_ui_is_cancelled_or_read_and_leads_to_the_training(with_images):
    async with opened(with_images, size=(80, 24)) as (app, pilot):
        await press(pilot, "2", "i", "t")
        assert isinstance(app.screen, EstimateDialog), "there is nothing to go by yet"
        await press(pilot, "escape")
        await idle(pilot)
        assert [job.state for job in app.jobs.values()] == ["stopped"]
        await press(pilot, "i")
        await until(pilot, lambda: "parameters" in screen_text(app), "the estimate")
        shown = screen_text(app)
        assert "1 x 1 x 256" in shown and "for 2 epochs" in shown and "t train now" in shown
        assert not list(with_images.root.joinpath("checkpoints").glob("*/*"))
        await press(pilot, "t")
        await until(pilot, lambda: [j.verb for j in app.active_jobs] == ["train"], "the training")
