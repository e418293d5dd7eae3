"""The autoencoders: sizes, latents, links and initial state."""

from __future__ import annotations

import pytest
import torch

from fext_engine.errors import FextError
from fext_engine.model.autoencoder import ARCHITECTURES, build_model
from fext_engine.model.blocks import (
    Double,
    Halve,
    doubled,
    fewer_channels,
    halved,
    more_channels,
    residual_blocks,
)


@pytest.mark.parametrize(
    ("name", "latent"),
    [("FextAE Redux", (8, 8, 256)), ("FextAE Medium", (4, 4, 512)), ("FextAE Large", (1, 1, 512))],
)
def test_latents_at_256_pixels_have_the_documented_size(name, latent):
    model = build_model(name, 3, 0.2, 256, 256).eval()
    assert model.latent_shape == latent
    with torch.inference_mode():
        z = model.encode(torch.rand(1, 3, 256, 256))
        assert (z.shape[2], z.shape[3], z.shape[1]) == latent
        assert model.decode(z).shape == (1, 3, 256, 256)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 70), (50, 31), (127, 64)])
def test_any_size_comes_back_as_it_was_with_the_promised_latents(name, height, width):
    model = build_model(name, 1, 0.0, height, width).eval()
    images = torch.rand(2, 1, height, width)
    with torch.inference_mode():
        z = model.encode(images)
        assert z.permute(0, 2, 3, 1).shape[1:] == model.latent_shape
        assert model(images).shape == images.shape


def test_output_is_linear_in_training_and_clamped_outside():
    torch.manual_seed(0)
    model = build_model("FextAE Redux", 3, 0.0, 32, 32)
    with torch.no_grad():
        model.decoder.head.bias.fill_(3.0)
    images = torch.rand(1, 3, 32, 32)
    assert model.train()(images).max() > 1
    output = model.eval()(images)
    assert output.min() >= 0
    assert output.max() <= 1


def test_stages_have_the_convolutions_that_the_presets_name():
    for architecture in ARCHITECTURES.values():
        for channels, layers in architecture.stages:
            stage = residual_blocks(channels, layers)
            assert sum(isinstance(m, torch.nn.Conv2d) for m in stage.modules()) == layers


def test_residual_blocks_start_as_the_identity():
    x = torch.rand(2, 16, 8, 8)
    assert torch.equal(residual_blocks(16, 5)(x), x)


def test_the_links_alone_keep_a_constant_image():
    down, up = Halve(8, 16), Double(16, 8)
    for module in (down, up):
        torch.nn.init.zeros_(module.conv.weight)
        torch.nn.init.zeros_(module.conv.bias)
    x = torch.rand(1, 8, 1, 1).expand(1, 8, 4, 4)
    assert torch.allclose(up(down(x)), x)


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_links_are_space_to_depth_and_back(ratio, memory_format):
    x = torch.rand(2, 8, 6, 10).to(memory_format=memory_format)
    down = fewer_channels(torch.nn.functional.pixel_unshuffle(x, 2), 8 * ratio)
    assert torch.allclose(halved(x, 8 * ratio), down, atol=1e-6)
    up = torch.nn.functional.pixel_shuffle(more_channels(x, 4 * 8 // ratio), 2)
    assert torch.equal(doubled(x, 8 // ratio), up)


def test_the_links_average_pixels_and_repeat_them_where_the_channels_stay():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert torch.equal(halved(x, 1), torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
    assert torch.equal(doubled(x, 1)[0, 0, :2, :4], torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]))


def test_the_same_seed_gives_the_same_weights():
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(build_model("FextAE Redux", 3, 0.2, 32, 32).state_dict())
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(FextError, match="FextAE Redux"):
        build_model("FextAE Tiny", 3, 0.2, 32, 32)
