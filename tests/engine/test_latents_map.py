"""Principal components of a table too large for memory, the stored map, and the probe of classes."""

from __future__ import annotations

import csv
import json
import os
import shutil

import numpy as np
import pytest
from made_encoding import make_encoding
from PIL import Image
from scipy.special import softmax

from fext_engine.errors import FextError
from fext_engine.jobs.run import run_here
from fext_engine.latents.components import principal_components
from fext_engine.latents.map import MAP, load_map, load_or_compute_map
from fext_engine.latents.probe import classify_by_neighbours, fit_logistic, probe_vectors, stratified_folds
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace


def spectrum(count, dimensions, seed=0):
    """Rows far from the origin whose variances fall off."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
    rows = rng.normal(size=(count, dimensions)) * 10 / np.arange(1, dimensions + 1)
    return (rows @ turn + 20).astype(np.float32)


@pytest.mark.parametrize(("way", "rows", "exact"), [("covariance", 900, 2048), ("rows", 90, 100), ("subspace", 900, 10)])
def test_components_are_those_of_an_svd(way, rows, exact, monkeypatch):
    monkeypatch.setattr("fext_engine.latents.components._EXACT", exact)
    monkeypatch.setattr("fext_engine.latents.components.BLOCK_BYTES", 20_000)
    vectors = spectrum(rows, 120)
    found = principal_components(vectors, 3)
    centred = vectors.astype(float) - vectors.mean(0, dtype=float)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    assert found.shares == pytest.approx(values[:3] ** 2 / (values**2).sum(), rel=1e-4)
    assert np.abs((axes[:3] * found.axes.T).sum(1)) == pytest.approx(1, abs=1e-4)
    assert (found.axes.max(0) >= np.abs(found.axes.min(0))).all()  # the sign is settled
    assert found.project(vectors) == pytest.approx(centred @ found.axes, abs=1e-2)
    again = principal_components(vectors, 3)
    assert np.array_equal(found.axes, again.axes)


def test_components_of_few_or_odd_rows():
    vectors = spectrum(5, 8)
    vectors[2] = np.nan
    points = principal_components(vectors, 10).project(vectors)
    assert points.shape == (5, 3)
    assert np.isnan(points).all(1).tolist() == [False, False, True, False, False]
    constant = principal_components(np.ones((4, 3), np.float32), 2)
    assert constant.shares.tolist() == [0, 0]


def test_a_map_is_stored_and_made_anew_when_the_vectors_change(tmp_path):
    encoding = make_encoding(tmp_path / "e", spectrum(50, 6))
    assert load_map(encoding) is None
    made = load_or_compute_map(encoding)
    assert made.points.shape == (50, 2) and made.points.dtype == np.float32
    assert made.method == "pca" and made.variance[0] > made.variance[1] > 0
    stored = load_map(encoding)
    assert np.array_equal(stored.points, made.points)
    assert load_map(encoding, "umap") is None
    moved = shutil.copytree(tmp_path / "e", tmp_path / "moved")  # another time, the same vectors
    os.utime(moved / "latents.npy", ns=(1, 1))
    assert load_map(make_encoding_again(moved)) is not None

    changed = make_encoding(tmp_path / "e", spectrum(50, 6, seed=1))
    assert load_map(changed) is None
    assert not np.array_equal(load_or_compute_map(changed).points, made.points)
    (tmp_path / "e" / MAP).write_bytes((tmp_path / "e" / MAP).read_bytes()[:-100])
    assert load_map(changed) is None
    assert load_or_compute_map(changed).points.shape == (50, 2)
    with pytest.raises(FextError, match="too few rows"):
        load_or_compute_map(make_encoding(tmp_path / "one", spectrum(1, 6)))


def make_encoding_again(folder):
    from fext_engine.latents.encoding import open_encoding

    return open_encoding(folder)


def test_a_map_is_drawn_and_tabled(tmp_path):
    workspace = Workspace(tmp_path / "ws")
    workspace.create()
    vectors = spectrum(30, 5)
    vectors[3] = np.inf
    paths = [f"{'ab$'[i % 3]}/[red]{i}\\n.png" for i in range(30)]
    make_encoding(workspace.inference / "e", vectors, paths)
    figure = tmp_path / "f.png"
    summary = run_here(workspace, "map", Settings(), {"encoding": "e", "output": str(figure)})
    assert (summary["method"], summary["rows"], summary["figure"]) == ("pca", 30, str(figure))
    with Image.open(figure) as image:
        assert image.format == "PNG" and image.width > 900
    with (workspace.inference / "e" / "map.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == paths
    assert [row["class"] for row in rows[:3]] == ["a", "b", "$"]
    points = load_map(make_encoding_again(workspace.inference / "e")).points
    assert float(rows[7]["y"]) == pytest.approx(points[7, 1])
    with pytest.raises(FextError, match="there is no run"):
        run_here(workspace, "map", Settings(), {"encoding": "e", "colour": "split"})


def test_umap_is_deterministic_or_its_absence_told(tmp_path):
    encoding = make_encoding(tmp_path / "e", spectrum(60, 70))
    try:
        import umap  # noqa: F401
    except ImportError:
        with pytest.raises(FextError, match="needs umap-learn, which is not installed; install it with"):
            load_or_compute_map(encoding, "umap")
        return
    made = load_or_compute_map(encoding, "umap")
    assert made.variance is None and made.parameters["principal_components"] == 50
    assert np.isfinite(made.points).all() and load_map(encoding).method == "umap"


# The probe


def test_folds_are_stratified_and_seeded():
    labels = np.repeat([0, 1, 2], [50, 23, 10])
    folds = stratified_folds(labels, 5)
    for label in range(3):
        sizes = np.bincount(folds[labels == label], minlength=5)
        assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(folds, stratified_folds(labels, 5))


def test_neighbours_vote_and_the_nearest_decides_a_tie():
    angle = np.radians([0, 1, 2, 3, 10, 170, 180])
    vectors = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    known, labels = np.array([1, 2, 3, 4, 5]), np.array([0, 1, 1, 0, 2])
    # Of row 0 the classes come as 0, 1, 1, 0, 2; of row 6 as 2, 0, 1, 1, 0: two of 0 and two of 1, 0 is nearer.
    assert classify_by_neighbours(vectors, known, labels, np.array([0, 6])).tolist() == [0, 0]
    assert classify_by_neighbours(vectors, known, np.array([0, 1, 1, 1, 2]), np.array([0])).tolist() == [1]


def test_the_logistic_fit_is_at_its_minimum():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    features = rng.normal(size=(200, 6)) + labels[:, None] * rng.normal(size=6)
    weights, intercepts = fit_logistic(features, labels, 3)
    error = softmax(features @ weights + intercepts, axis=1) - np.eye(3)[labels]
    # The loss is strictly convex in the weights: where its slope vanishes is the one minimum.
    assert features.T @ error + weights == pytest.approx(0, abs=0.05)
    assert error.sum(0) == pytest.approx(0, abs=0.05)


def test_a_probe_tells_separable_classes_and_finds_nothing_in_noise(tmp_path):
    rng = np.random.default_rng(0)
    classes = ["a"] * 60 + ["b"] * 30 + ["c"] * 30 + ["few"] * 9
    centres = dict(zip(("a", "b", "c", "few"), 5 * np.eye(4, 8), strict=True))
    vectors = (rng.normal(size=(129, 8)) + np.array([centres[c] for c in classes])).astype(np.float32)
    vectors[1] = np.nan
    found = probe_vectors(vectors, classes)
    assert (found.images, found.classes, found.dimensions, found.small_classes) == (119, 3, 8, 1)
    assert found.majority == pytest.approx(59 / 119)
    assert found.linear > 0.97 and found.knn > 0.97
    noise = probe_vectors(rng.normal(size=(300, 8)).astype(np.float32), ["a", "b", "c"] * 100)
    assert noise.linear == pytest.approx(1 / 3, abs=0.1) and noise.knn == pytest.approx(1 / 3, abs=0.1)

    workspace = Workspace(tmp_path)
    workspace.create()
    make_encoding(workspace.inference / "e", vectors, [f"{c}/{i}.png" for i, c in enumerate(classes)])
    summary = run_here(workspace, "probe", Settings(), {"encoding": "e"})
    assert (summary["linear"], summary["images"]) == (found.linear, 119)
    stored = json.loads((workspace.inference / "e" / "probe.json").read_text())
    assert (stored["knn"], stored["run"]) == (found.knn, "made")


def test_long_vectors_are_probed_by_their_components():
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    vectors = (rng.normal(size=(80, 600)) + labels[:, None]).astype(np.float32)
    assert probe_vectors(vectors, [str(label) for label in labels]).linear > 0.95


def test_a_probe_without_classes_is_refused():
    with pytest.raises(FextError, match="classes of 10 images or more: 1, and a probe needs two"):
        probe_vectors(np.ones((40, 2), np.float32), ["a"] * 35 + ["b"] * 5)
