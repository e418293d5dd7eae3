"""Muon and AdamW as one optimizer."""

from __future__ import annotations

import pytest
import torch

from fext_engine.errors import FextError
from fext_engine.model.autoencoder import build_model
from fext_engine.training.optimizer import Optimizer, orthogonalize


@pytest.mark.parametrize("shape", [(2, 16, 144), (3, 64, 16), (1, 32, 32)])
def test_orthogonalizing_brings_the_singular_values_near_one_and_keeps_the_directions(shape):
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    result = orthogonalize(matrices)
    values = torch.linalg.svdvals(result)
    assert values.max() < 1.25
    assert values.median() > 0.6
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    diagonal = u.mT @ result @ v.mT
    off = diagonal - torch.diag_embed(diagonal.diagonal(dim1=-2, dim2=-1))
    assert off.abs().max() < 1e-3


def test_the_short_way_through_the_gram_matrix_equals_the_plain_iteration():
    torch.manual_seed(0)
    low_rank = torch.randn(2, 32, 5) @ torch.randn(2, 5, 288)
    x = low_rank / low_rank.norm(dim=(-2, -1), keepdim=True)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    assert torch.allclose(orthogonalize(low_rank), x, atol=1e-4)


def test_zero_gradients_stay_zero():
    assert torch.equal(orthogonalize(torch.zeros(1, 4, 9)), torch.zeros(1, 4, 9))


def test_muon_takes_the_hidden_convolutions_and_adamw_the_rest():
    state = _stepped("muon").state()
    muon = {key for key in state if key.endswith("/momentum")}
    assert muon
    assert all(state[key].ndim == 4 for key in muon)
    adamw = {key.rpartition("/")[0] for key in state} - {key.rpartition("/")[0] for key in muon}
    assert {"encoder.stem.weight", "decoder.head.weight"} <= adamw
    assert not any(key.endswith("/momentum") for key in _stepped("adamw").state())


def _stepped(kind):
    model = build_model("FextAE Redux", 1, 0.0, 16, 16)
    optimizer = Optimizer(model, kind)
    model(torch.rand(2, 1, 16, 16)).mean().backward()
    optimizer.step(1e-3)
    return optimizer


def test_a_state_of_another_optimizer_or_half_a_state_is_refused():
    with pytest.raises(FextError, match="does not fit"):
        _stepped("adamw").load_state(_stepped("muon").state())
    optimizer = _stepped("muon")
    state = optimizer.state()
    state.pop(next(key for key in state if key.endswith("/momentum")))
    with pytest.raises(FextError, match="does not fit"):
        optimizer.load_state(state)
