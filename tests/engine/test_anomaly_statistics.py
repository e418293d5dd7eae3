"""The mathematics of anomaly scores, against scikit-learn, SciPy and values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.metrics import average_precision_score, roc_auc_score

from fext_engine.latents.anomaly.calibration import Scale, most_unusual, tail_probability, threshold
from fext_engine.latents.anomaly.detection import PixelCurve, auroc, average_precision
from fext_engine.latents.anomaly.folds import ALL, FOLDS, CrossFitted, assign_folds
from fext_engine.latents.anomaly.heat import HeatScale, overlay
from fext_engine.latents.anomaly.labels import find_mask, masks_among, read_labels
from fext_engine.latents.anomaly.mahalanobis import Gaussian, ledoit_wolf
from fext_engine.latents.anomaly.neighbours import neighbour_distance


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("count", [8, 40, 400])  # fewer vectors than dimensions, and more
def test_shrinkage_and_distance_are_those_of_scikit_learn(rng, count):
    vectors = rng.normal(size=(3, count, 20)) * rng.uniform(0.1, 3, (3, 1, 20)) + 5
    mean, covariance = ledoit_wolf(vectors)
    found = Gaussian.fit(vectors).distance(vectors)
    for k in range(3):
        theirs = LedoitWolf().fit(vectors[k])
        np.testing.assert_allclose(mean[k], theirs.location_)
        np.testing.assert_allclose(covariance[k], theirs.covariance_, rtol=1e-9)
        np.testing.assert_allclose(found[k], np.sqrt(theirs.mahalanobis(vectors[k])), rtol=1e-3)


def test_what_never_varies_has_a_finite_weight():
    same = Gaussian.fit(np.ones((5, 3)))
    assert np.isfinite(same.distance(np.zeros((1, 3)))).all()
    assert same.distance(np.ones((1, 3))) == 0


def test_auroc_and_average_precision(rng):
    scores, truth = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert auroc(scores, truth) == 0.75
    assert average_precision(scores, truth) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    for levels in (3, 50, 10**6):  # from many ties to none
        scores, truth = rng.integers(0, levels, 300) / 7, rng.random(300) < 0.2
        assert auroc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))
        assert average_precision(scores, truth) == pytest.approx(average_precision_score(truth, scores))
    assert np.isnan(auroc(scores, np.zeros(300, bool)))
    assert np.isnan(average_precision(scores, np.zeros(300, bool)))


def test_pixel_auroc_counts_what_sorting_would(rng):
    maps = rng.gamma(1, 1, (4, 9, 7)).astype(np.float16)
    masks = rng.random((4, 9, 7)) < 0.3
    curves = [PixelCurve(), PixelCurve()]
    for i in range(4):
        curves[i % 2].add(maps[i], masks[i])
    assert (curves[0] + curves[1]).auroc == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()))


def test_tail_probabilities_and_thresholds_by_hand():
    normal = np.array([1.0, 2, 3, 4])
    assert tail_probability(np.array([0.5, 2, 2.5, 9, np.nan]), normal)[:4].tolist() == [1, 0.8, 0.6, 0.2]
    assert threshold(np.arange(19.0), 0.05) == 18
    assert threshold(np.arange(99.0), 0.05) == 94
    with pytest.raises(ValueError, match="too few"):
        threshold(np.arange(18.0), 0.05)


def test_a_threshold_holds_its_rate(rng):
    flagged = [float(rng.normal() > threshold(rng.normal(size=39), 0.1)) for _ in range(4000)]
    assert np.mean(flagged) == pytest.approx(0.1, abs=0.015)  # three standard errors


def test_an_image_is_as_unusual_as_its_most_unusual_score(rng):
    normal = np.exp(rng.normal(2, 0.5, 2000))
    scale = Scale.of(normal)
    assert (scale.middle, scale.spread) == (pytest.approx(2, abs=0.05), pytest.approx(0.5, abs=0.05))
    one, two = np.exp([3.0, 2.0, 2.0]), np.exp([2.0, 4.0, 0.5])  # two: far above, and far below
    z, which = most_unusual([one, two], [scale, scale])
    assert z == pytest.approx([2, 4, 2], abs=0.5)
    assert which.tolist() == [0, 1, 1]


def test_copies_of_an_image_are_not_its_neighbours():
    vectors = np.array([[5.0], [0], [0], [5], [3], [10]], np.float32)
    normal, contents = np.array([1, 2, 4, 5]), np.array([5, 5, 6, 7])
    queries, own = np.array([[0.0], [0], [9]], np.float32), np.array([5, 8, 9])
    assert neighbour_distance(vectors, normal, queries, own, contents, neighbours=1).tolist() == [3, 0, 1]
    assert neighbour_distance(vectors, normal, queries, own, contents, neighbours=2).tolist() == [6.5, 0, 3.5]


def test_a_fitted_image_is_judged_without_itself_and_its_copies(rng):
    contents = np.array([*range(20), 3, 20])  # place 20 is a copy of 3, place 21 is new
    features = rng.normal(size=(22, 2, 3))
    features[[3, 20]] += 100
    fitted = np.arange(21)
    folds = assign_folds(contents, fitted)
    assert folds[3] == folds[20] < FOLDS
    assert folds[21] == ALL
    assert np.bincount(folds[:20]).tolist() == [4] * FOLDS
    model = CrossFitted.fit(features[fitted], folds[fitted], lambda: None)
    found = model.distances(features, folds)
    apart = folds[fitted] != folds[3]
    for position in range(2):
        theirs = LedoitWolf().fit(features[fitted][apart, position])
        wanted = np.sqrt(theirs.mahalanobis(features[[3], position]))
        assert found[3, position] == pytest.approx(wanted[0], rel=1e-3)
    assert found[3].min() > 50


def test_heat_is_one_where_normal_images_are_rarely_as_far_off(rng):
    distances, errors = rng.uniform(0, 1, (50, 4, 4)), np.full((50, 32, 32), 0.1)
    scale = HeatScale.of(distances, errors)
    assert scale.distance == pytest.approx(1, abs=0.02)
    assert scale.heat(np.full((4, 4), 4.0), np.full((32, 32), 0.1)) == pytest.approx(2, abs=0.05)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 3
    image = np.full((64, 64, 3), 90, np.uint8)
    drawn = overlay(image, heat)
    assert np.array_equal(drawn[32:, 32:], image[32:, 32:])
    assert drawn[0, 0].sum() > image[0, 0].sum()


def test_folders_that_say_what_is_normal(tmp_path):
    mvtec = ["train/good/a.png", "test/good/b.png", "test/bent/x/c.png", "ground_truth/bent/x/c_mask.png", "d.png"]
    found = read_labels(mvtec)
    assert [label and (label.kind, label.name, label.tested) for label in found] == [
        ("good", "a.png", False), ("good", "b.png", True), ("bent", "x/c.png", True), None, None,
    ]  # fmt: skip
    assert masks_among(mvtec, found) == {3}
    simple = read_labels(["good/a.png", "hole/b.jpg", "c.png"])
    assert [label and label.kind for label in simple] == ["good", "hole", None]
    assert read_labels(["cats/a.png", "ground_truth/b_mask.png"]) == [None, None]
    assert not masks_among(["ground_truth/b_mask.png"], [None])
    mask = tmp_path / "ground_truth" / "bent" / "x" / "c_mask.png"
    mask.parent.mkdir(parents=True)
    mask.touch()
    assert find_mask(tmp_path, found[2]) == mask
    assert find_mask(tmp_path / "test", found[2]) == mask
    assert find_mask(tmp_path, found[1]) is None
