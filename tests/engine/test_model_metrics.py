"""Image metrics against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from fext_engine.model.metrics import METRICS, image_metrics, ssim


def _pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.random(shape, dtype=np.float32)
    return a, np.clip(a + rng.normal(0, 0.1, shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("shape", [(40, 33, 3), (11, 64, 3), (48, 48, 1)])
def test_metrics_agree_with_scikit_image(shape):
    a, b = _pair(shape)
    values = image_metrics(*(torch.from_numpy(x).permute(2, 0, 1)[None] for x in (b, a)))
    assert tuple(values) == METRICS
    assert values["mse"].item() == pytest.approx(mean_squared_error(a, b), rel=1e-5)
    assert values["psnr"].item() == pytest.approx(peak_signal_noise_ratio(a, b, data_range=1), abs=1e-3)
    wanted = np.mean([_skimage_ssim(a[..., c], b[..., c]) for c in range(shape[2])])
    assert values["ssim"].item() == pytest.approx(wanted, abs=1e-5)
    assert values["mae"].item() == pytest.approx(np.abs(a - b).mean(), rel=1e-5)
    x, y = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    assert values["cosine"].item() == pytest.approx(x @ y / np.sqrt((x @ x) * (y @ y)), abs=1e-5)


def _skimage_ssim(a, b):
    """Averaged as Wang et al. do, over the positions where the whole window lies inside the image."""
    options = {"data_range": 1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, values = structural_similarity(a, b, full=True, **options)
    return values[5:-5, 5:-5].mean()


def test_an_exact_copy_is_perfect_and_finite():
    a = torch.from_numpy(_pair((16, 16, 3))[0]).permute(2, 0, 1)[None]
    values = image_metrics(a, a)
    assert values["ssim"].item() == pytest.approx(1)
    assert values["psnr"].item() == pytest.approx(100)


def test_ssim_of_images_smaller_than_the_window():
    a, b = torch.rand(2, 3, 6, 20), torch.rand(2, 3, 6, 20)
    assert torch.isfinite(ssim(a, b)).all()
    assert torch.allclose(ssim(a, a), torch.ones(2))
