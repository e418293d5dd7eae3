"""Pooling `pca`: the exact principal components of a sample, the same for every later image."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_training import make_images, make_workspace, plant_broken_files, small_settings, untrained

from fext_engine.errors import FextError
from fext_engine.jobs.run import run_here
from fext_engine.latents import projection
from fext_engine.latents.encode_files import encode_files
from fext_engine.latents.encoding import open_encoding, require_same_space
from fext_engine.latents.projection import fit, sample_size


def test_the_components_are_those_of_the_singular_value_decomposition():
    rng = np.random.default_rng(0)
    sample = (rng.normal(size=(60, 200)) * np.linspace(3, 0.1, 200) + 5).astype(np.float32)
    found = fit(sample.copy(), 7)
    centred = sample.astype(float) - sample.mean(0, dtype=float)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    largest = directions[range(60), np.abs(directions).argmax(1)]
    directions *= np.sign(largest)[:, None]
    assert found.components == pytest.approx(directions[:7], abs=1e-5)
    assert found.explained_variance_ratio == pytest.approx((values**2 / (values**2).sum())[:7], rel=1e-4)
    assert found.apply(sample) == pytest.approx(centred @ directions[:7].T, abs=1e-3)
    assert found.images == 60


def test_directions_without_variance_are_zero():
    line = np.outer(np.arange(5), np.ones(9)).astype(np.float32)
    found = fit(line, 3)
    assert np.abs(found.components[0]) == pytest.approx(1 / 3)
    assert not found.components[1:].any()
    assert found.explained_variance_ratio == pytest.approx([1, 0, 0], abs=1e-6)


def test_the_sample_is_bounded_by_images_and_by_memory():
    assert sample_size(4 * 4 * 256) == sample_size(16_384) == 2048
    assert sample_size(64 * 64 * 256) == 128


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    workspace = make_workspace(tmp_path_factory.mktemp("pca"), 0)
    untrained(workspace)
    make_images(workspace.inference, 17)
    plant_broken_files(workspace.inference)
    for pooling in ("flatten", "pca"):
        encode(workspace, pooling, inference__pooling=pooling)
    return workspace


def encode(workspace, name, update=False, **changes):
    settings = small_settings(**{"inference__pca_components": 5} | changes)
    arguments = {"run": "r", "output": str(workspace.root / name), "update": update}
    return run_here(workspace, "encode", settings, arguments)


def test_rows_are_the_flattened_maps_along_the_stored_components(encoded):
    flat, pca = (open_encoding(encoded.root / name) for name in ("flatten", "pca"))
    assert pca.files == flat.files
    assert pca.latents.shape == (18, 5)
    with np.load(encoded.root / "pca" / "pca.npz") as stored:
        wanted = (flat.latents - stored["mean"]) @ stored["components"].T
        ratio = stored["explained_variance_ratio"]
    assert pca.latents == pytest.approx(wanted, abs=1e-5)
    said = json.loads((encoded.root / "pca" / "manifest.json").read_text())
    assert said["pooling"] == "pca" and said["row_shape"] == [5] and "pca.npz" in said["layout"]
    assert said["projection"]["images"] == 18 and said["projection"]["components"] == 5
    assert said["projection"]["explained_variance"] == pytest.approx(ratio.sum(), abs=1e-5)
    centred = flat.latents - flat.latents.mean(0)
    assert (np.linalg.svd(centred)[1][:5] ** 2 / (centred**2).sum()) == pytest.approx(ratio, rel=1e-3)


def test_files_and_updates_are_projected_the_same_way(encoded):
    encoding = open_encoding(encoded.root / "pca")
    found, problems = encode_files(
        encoding, [encoding.image(3), encoding.image(0)], encoded, small_settings().device
    )
    assert found == pytest.approx(encoding.latents[[3, 0]], abs=1e-5) and not problems
    before = (encoded.root / "pca" / "pca.npz").read_bytes()
    copy = make_images(encoded.inference / "more", 3, (33, 29))
    summary = encode(encoded, "pca", update=True, inference__pooling="pca")
    assert (summary["outcome"], summary["added"]) == ("updated", 3)
    assert (encoded.root / "pca" / "pca.npz").read_bytes() == before
    require_same_space(encoding, open_encoding(encoded.root / "pca"))
    for path in [*copy.rglob("*.png")]:
        path.unlink()


def test_a_sample_of_a_larger_folder_is_the_same_each_time(encoded, monkeypatch):
    monkeypatch.setattr(projection, "SAMPLE_IMAGES", 9)
    for name in ("one", "two"):
        encode(encoded, name, inference__pooling="pca")
    one, two = (open_encoding(encoded.root / name) for name in ("one", "two"))
    assert one.manifest.projection == two.manifest.projection
    assert one.manifest.projection.images <= 9
    assert np.array_equal(one.latents, two.latents)
    with pytest.raises(FextError, match="their projection differs"):
        require_same_space(one, open_encoding(encoded.root / "pca"))
    (encoded.root / "one" / "pca.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(FextError, match=r"cannot read .*pca\.npz"):
        encode_files(one, [], encoded, small_settings().device)
