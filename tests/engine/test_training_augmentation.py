"""Order and augmentation: a function of seed, epoch and image alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fext_engine.sections import AugmentationSettings
from fext_engine.training.augmentation import (
    augment,
    dropout_seed,
    epoch_order,
    identities,
    random_numbers,
)

PATHS = [f"class/{i}.png" for i in range(500)]


def test_the_order_is_a_permutation_that_changes_with_epoch_and_seed():
    images = identities(PATHS)
    orders = [epoch_order(seed, epoch, images, True) for seed, epoch in ((1, 1), (1, 2), (2, 1))]
    assert all(sorted(order) == list(range(500)) for order in orders)
    assert not any(np.array_equal(a, b) for a, b in zip(orders, orders[1:] + orders[:1], strict=True))
    assert np.array_equal(orders[0], epoch_order(1, 1, images, True))
    assert np.array_equal(epoch_order(1, 1, images, False), np.arange(500))


def test_the_order_of_the_others_stays_when_an_image_goes():
    images = identities(PATHS)
    order = [PATHS[i] for i in epoch_order(3, 4, images, True)]
    rest = [p for p in PATHS if p != PATHS[77]]
    assert [rest[i] for i in epoch_order(3, 4, identities(rest), True)] == [
        p for p in order if p != PATHS[77]
    ]


def test_random_numbers_are_uniform_independent_and_belong_to_the_image():
    images = identities([str(i) for i in range(20_000)])
    numbers = random_numbers(42, 1, images)
    assert numbers.shape == (20_000, 8)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert numbers.mean(0) == pytest.approx(np.full(8, 0.5), abs=0.01)
    assert np.corrcoef(numbers.T) == pytest.approx(np.eye(8), abs=0.03)
    assert np.array_equal(random_numbers(42, 1, images[5:9]), numbers[5:9])


def test_every_step_has_a_dropout_seed_of_its_own_that_torch_takes():
    seeds = {dropout_seed(42, step) for step in range(1000)}
    assert len(seeds) == 1000
    torch.manual_seed(max(seeds))


def changed(images, numbers, **settings):
    never = {
        "horizontal_flip": 0.0,
        "vertical_flip": 0.0,
        "brightness_probability": 0.0,
        "contrast_probability": 0.0,
    }
    chosen = AugmentationSettings(enabled=True, **(never | settings))
    return augment(images, torch.tensor(numbers), chosen)


def test_each_change_does_what_it_says():
    images = torch.rand(2, 3, 4, 6) * 0.2 + 0.4
    numbers = [[0.4, 0.4, 0.4, 0.75, 0.4, 0.5, 0.5, 0.5], [0.6, 0.6, 0.6, 0.75, 0.6, 0.5, 0.5, 0.5]]
    assert torch.equal(changed(images, numbers), images)
    flipped = changed(images, numbers, horizontal_flip=0.5)
    assert torch.allclose(flipped, torch.stack([images[0].flip(2), images[1]]))
    upside_down = changed(images, numbers, vertical_flip=0.5)
    assert torch.allclose(upside_down, torch.stack([images[0].flip(1), images[1]]))
    brighter = changed(images, numbers, brightness_probability=0.5, brightness_delta=0.2)
    assert torch.allclose(brighter, torch.stack([images[0] + 0.1, images[1]]))
    contrast = changed(images, numbers, contrast_probability=0.5, contrast_min=1.0, contrast_max=2.0)
    mean = images[0].mean()
    assert torch.allclose(contrast, torch.stack([(images[0] - mean) * 1.5 + mean, images[1]]), atol=1e-6)


def test_a_shift_moves_each_image_and_mirrors_what_comes_in():
    images = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6) / 144
    where = [[0.0] * 6 + [1.0 - 1e-7, 0.0], [0.0] * 6 + [0.5, 0.75]]  # down by 2 and left by 3; right by 1.5
    moved = changed(images, where, shift=0.5)
    padded = np.pad(images[0].numpy(), ((0, 0), (2, 0), (0, 3)), mode="reflect")
    assert moved[0].numpy() == pytest.approx(padded[:, :4, 3:], abs=1e-6)
    padded = np.pad(images[1].numpy(), ((0, 0), (0, 0), (2, 0)), mode="reflect")
    assert moved[1].numpy() == pytest.approx(padded[:, :, :6], abs=1e-6)
    assert torch.allclose(changed(images[..., :1, :1], where, shift=0.5), images[..., :1, :1])


def test_augmented_images_stay_in_range():
    images = torch.rand(64, 1, 5, 5)
    result = augment(images, torch.rand(64, 8), AugmentationSettings(enabled=True, brightness_delta=1.0))
    assert result.min() >= 0
    assert result.max() <= 1
