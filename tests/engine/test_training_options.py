"""What one may add to a training: noise on the input, averaged weights, an early stop, a batch size that fits."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_training import ask_to_stop, at_step, make_images, make_workspace, resume, small_settings, train
from torch.nn.modules.module import register_module_forward_hook

from fext_engine.errors import JobStopped
from fext_engine.images.scan import scan
from fext_engine.jobs.run import run_here
from fext_engine.model.autoencoder import Autoencoder, build_model
from fext_engine.model.losses import LOSSES
from fext_engine.model.metrics import ssim
from fext_engine.training import memory
from fext_engine.training.augmentation import add_noise, identities, noise_seeds
from fext_engine.training.average import WeightAverage
from fext_engine.training.batches import ImageSet, training_batches
from fext_engine.training.cache import PixelRequest, open_cache
from fext_engine.training.history import read_history
from fext_engine.training.memory import activation_bytes, choose_batch_size
from fext_engine.training.reading import ImageSize
from fext_engine.training.run_folder import RunFolder

CPU = torch.device("cpu")
ALL = {"training__ema": 0.9, "training__denoising": 0.1, "training__loss": "mse_ssim"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("options"))


def weights(run, name="weights.safetensors", epoch="last"):
    return load_file(run.pointed(epoch) / name)


def test_stops_and_resumes_change_nothing_with_everything_on(workspace):
    whole = train(workspace, "all", training__epochs=3, **ALL)
    with at_step(5, ask_to_stop), pytest.raises(JobStopped):
        train(workspace, "parts", training__epochs=3, **ALL)
    parts = resume(workspace, "parts", 2)
    for file in ("weights.safetensors", "state.safetensors"):
        ours, theirs = weights(parts, file), weights(whole, file)
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours), file
    assert [r.val_loss for r in read_history(parts.history)] == [r.val_loss for r in read_history(whole.history)]


def test_the_average_is_that_of_the_weights_after_each_step():
    model = torch.nn.Linear(2, 1, bias=False)
    average = WeightAverage(model, 0.5)
    expected = model.weight.detach().clone()
    for step in range(6):
        with torch.no_grad():
            model.weight += torch.randn(1, 2)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.weight.detach()
    live = model.weight.detach().clone()
    with average.applied():
        assert torch.allclose(model.weight, expected, atol=1e-6) and not torch.equal(model.weight, live)
    assert torch.equal(model.weight, live)


def test_a_checkpoint_holds_the_average_and_its_state_what_training_goes_on_from(workspace):
    seen = []
    handle = register_module_forward_hook(
        lambda m, i, o: seen.append(m.decoder.head.weight.detach().clone()) if isinstance(m, Autoencoder) else None
    )
    try:
        run = train(workspace, "averaged", training__epochs=1, training__ema=0.9)
    finally:
        handle.remove()
    assert torch.equal(weights(run)["decoder.head.weight"], seen[-1])  # the sample is drawn with the average
    live = weights(run, "state.safetensors")["live/decoder.head.weight"]
    assert not torch.equal(live, seen[-1])


def test_noise_follows_from_seed_epoch_and_image_alone():
    images, names = torch.full((6, 3, 32, 32), 0.5), identities([f"{i}.png" for i in range(6)])
    noisy = add_noise(images, noise_seeds(7, 2, names), 0.1)
    assert noisy.std().item() == pytest.approx(0.1, rel=0.05) and noisy.mean().item() == pytest.approx(0.5, abs=0.01)
    assert torch.equal(add_noise(images[:2], noise_seeds(7, 2, names[4:]), 0.1), noisy[4:])
    others = [noise_seeds(7, 3, names), noise_seeds(8, 2, names)]
    assert all(not torch.equal(add_noise(images, seeds, 0.1), noisy) for seeds in others)
    extremes = add_noise(torch.tensor([0.0, 1.0]).repeat(8).view(1, 1, 4, 4), noise_seeds(7, 2, names[:1]), 1.0)
    assert extremes.min() >= 0 and extremes.max() <= 1


def test_a_denoising_model_sees_noise_and_learns_the_clean_image(workspace):
    shown = []
    handle = register_module_forward_hook(
        lambda m, i, o: shown.append((m.training, i[0].clone())) if isinstance(m, Autoencoder) else None
    )
    try:
        run = train(workspace, "denoising", training__epochs=2, training__denoising=0.3, augmentation__enabled=False)
    finally:
        handle.remove()
    validated = [images for training, images in shown if not training and len(images) == 4]
    assert torch.equal(validated[0], validated[2])  # both epochs: before and after each is a sample
    assert not torch.equal(shown[0][1], shown[4][1])
    run_here(workspace, "evaluate", small_settings(), {"run": "denoising"})
    report = json.loads((run.evaluation / "report.json").read_text())
    best = min(read_history(run.history), key=lambda r: r.val_loss)
    for name in ("mae", "mse", "psnr", "ssim", "cosine"):
        assert report["mean"][name] == pytest.approx(getattr(best, f"val_{name}"), rel=1e-4), name


def test_training_ends_after_patience_without_a_better_epoch(workspace):
    still = {"schedule__initial_lr": 1e-12, "schedule__warmup_steps": 0, "training__patience": 2}
    log = []
    run = train(workspace, "patient", log.append, training__epochs=9, **still)
    history = read_history(run.history)
    best = min(history, key=lambda r: (r.val_loss, r.epoch)).epoch
    assert len(history) == best + 2 < 9
    assert run.pointed("last").name == f"{len(history):04d}"
    assert any("stopped early" in e.data.get("message", "") for e in log)
    resume(workspace, "patient", 5)  # what went by before does not end it at once
    assert len(read_history(run.history)) >= len(history) + 2


@pytest.mark.parametrize(("name", "pixel_error"), [("mae_ssim", "mae"), ("mse_ssim", "mse")])
def test_a_mixture_is_four_parts_pixel_error_and_one_part_dissimilarity(name, pixel_error):
    output, target = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    error = (output - target).abs().mean() if pixel_error == "mae" else (output - target).square().mean()
    wanted = 0.8 * error + 0.2 * (1 - ssim(output, target).mean()) / 2
    assert LOSSES[name](output, target).item() == pytest.approx(wanted.item(), rel=1e-6)
    assert LOSSES[name](target, target).item() == pytest.approx(0, abs=1e-6)


def test_auto_batch_size_keeps_enough_steps_fits_and_is_written_down(workspace, monkeypatch):
    run = train(workspace, "auto", training__epochs=1, training__batch_size="auto")
    assert run.settings().training.batch_size == 4  # of 12 training images
    settings = small_settings(training__batch_size="auto")
    chosen = [choose_batch_size(settings, n, CPU, print).training.batch_size for n in (20, 320, 100_000)]
    assert chosen == [4, 8, 32]
    each = activation_bytes(build_model("FextAE Redux", 3, 0.2, 24, 16), torch.zeros(1, 3, 24, 16), settings)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * each * 9)
    assert choose_batch_size(settings, 100_000, CPU, print).training.batch_size == 8


def test_pixels_in_a_devices_memory_give_the_same_batches(tmp_path):
    files = list(scan(make_images(tmp_path / "images", 8)))
    size, paths = ImageSize(24, 16, False), [f.path for f in files]
    cache = open_cache(
        PixelRequest(tmp_path / "images", files, size, "ram", tmp_path / "cache", threads=1), lambda *_: None, print
    )
    data, settings = ImageSet(cache, np.array([7, 2, 5, 0, 1]), identities(paths[:5])), small_settings()
    from_host = list(training_batches(data, settings, 1, 0, CPU))
    cache.resident, cache.pixels = torch.from_numpy(cache.pixels), None
    from_device = list(training_batches(data, settings, 1, 0, CPU))
    assert len(from_host) == len(from_device) == 2
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(from_host, from_device, strict=True))


def test_activations_grow_with_the_batch_and_the_image():
    settings, model = small_settings(), build_model("FextAE Redux", 3, 0.2, 64, 64)
    one, four = (activation_bytes(model, torch.zeros(n, 3, 64, 64), settings) for n in (1, 4))
    assert 3.5 < four / one <= 4.01


def test_the_history_has_every_metric_and_an_older_one_is_read(workspace):
    run = train(workspace, "metrics", training__epochs=1)
    (record,) = read_history(run.history)
    assert record.val_psnr > 0 and 0 < record.val_ssim < 1 and record.val_mse > 0
    old = [line.split(",") for line in run.history.read_text().splitlines()]
    kept = [i for i, name in enumerate(old[0]) if name not in ("val_mse", "val_ssim")]
    run.history.write_text("\n".join(",".join(np.array(line)[kept]) for line in old) + "\n")
    (older,) = read_history(RunFolder(run.path).history)
    assert older.val_loss == record.val_loss and math.isnan(older.val_ssim) and "val_ssim" not in older.values()
