"""Drift and class balance: effect sizes against SciPy and hand formulas, verdicts at small and large n."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fext_engine.images.balance import ClassCount, assess_balance, divergence
from fext_engine.images.drift import compare_sides, ks_distance, scaled_wasserstein, stability_index


def test_effect_sizes_against_scipy() -> None:
    rng = np.random.default_rng(0)
    for a, b in (
        (rng.normal(size=70), rng.normal(0.5, 2, size=33)),
        (rng.integers(0, 4, 50).astype(float), rng.integers(0, 5, 90).astype(float)),
    ):
        assert ks_distance(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)
        spread = np.concatenate([a, b]).std()
        assert scaled_wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b) / spread)


def test_stability_index_by_hand() -> None:
    expected, actual = np.arange(100.0), np.concatenate([np.arange(50.0), np.arange(50.0)])
    p, q = np.full(10, 10.5) / 105, np.array([20.5] * 5 + [0.5] * 5) / 105
    assert stability_index(expected, actual) == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert stability_index(np.zeros(10), np.zeros(5)) == 0


def test_permutation_p_values_agree_with_the_exact_test() -> None:
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.4, 0.8):
        a, b = rng.normal(size=(60, 1)), rng.normal(shift, size=(40, 1))
        exact = stats.ks_2samp(a[:, 0], b[:, 0], method="exact").pvalue
        assert compare_sides(["x"], a, b)[0].p_value == pytest.approx(exact, abs=0.04)


@pytest.mark.parametrize("n", [20, 100, 300])
def test_small_sets_without_drift_raise_no_alarm(n: int) -> None:
    alarms = 0
    for seed in range(10):
        values = np.random.default_rng(seed).normal(size=(n, 12))
        found = compare_sides([str(i) for i in range(12)], values[: n * 4 // 5], values[n * 4 // 5 :], seed)
        alarms += any(d.verdict != "none" for d in found)
        assert all(d.n_train + d.n_validation == n for d in found)
    assert alarms <= 2


def test_a_trivial_shift_of_a_large_set_is_called_small() -> None:
    rng = np.random.default_rng(0)
    found = compare_sides(["x"], rng.normal(size=(3000, 1)), rng.normal(0.15, size=(3000, 1)))
    assert found[0].ks < 0.1
    assert found[0].verdict == "small"


def test_a_real_shift_is_drift_and_only_there() -> None:
    rng = np.random.default_rng(0)
    train, validation = rng.normal(size=(400, 3)), rng.normal(size=(100, 3))
    validation[:, 1] += 1
    assert [d.verdict for d in compare_sides("abc", train, validation)] == ["none", "drift", "none"]


def test_constant_measures_and_single_images_give_finite_numbers() -> None:
    for found in compare_sides(["a", "b"], np.zeros((9, 2)), np.zeros((1, 2))):
        assert (found.ks, found.wasserstein, found.psi, found.p_value, found.verdict) == (0, 0, 0, 1, "none")


def test_a_tiny_side_survives_the_sampling_of_a_large_one() -> None:
    rng = np.random.default_rng(0)
    found = compare_sides(["x"], rng.normal(size=(9000, 1)), rng.normal(size=(2, 1)))
    assert 0 < found[0].p_value <= 1


def test_balance_by_hand() -> None:
    classes = [
        ClassCount("a", 60, 0, 0, 3), ClassCount("b", 0, 20, 5, 0), ClassCount("c", 15, 5, 0, 0),
        ClassCount("all broken", 0, 0, 0, 9),
    ]  # fmt: skip
    balance = assess_balance(classes)
    shares = np.array([0.6, 0.2, 0.2])
    assert balance.classes == 3
    assert balance.ratio == 3
    assert balance.normalised_entropy == pytest.approx(-(shares @ np.log(shares)) / np.log(3))
    assert (balance.missing_from_train, balance.missing_from_validation) == (("b",), ("a",))


def test_one_class_is_even() -> None:
    balance = assess_balance([ClassCount("", 8, 2, 0, 0)])
    assert (balance.ratio, balance.normalised_entropy) == (1, 1)


def test_q_values_are_benjamini_and_hochberg_over_all_measures() -> None:
    rng = np.random.default_rng(5)
    train, validation = rng.normal(size=(90, 6)), rng.normal([0, 0.2, 0.4, 0.6, 0.8, 0], size=(60, 6))
    found = compare_sides("abcdef", train, validation)
    p = np.array([d.p_value for d in found])
    order = np.argsort(p)
    expected = np.empty(6)
    expected[order] = np.minimum.accumulate((p[order] * 6 / np.arange(1, 7))[::-1])[::-1]
    assert [d.q_value for d in found] == pytest.approx(expected)


def test_a_single_drifting_measure_is_found_among_many() -> None:
    rng = np.random.default_rng(2)
    train, validation = rng.normal(size=(320, 44)), rng.normal(size=(80, 44))
    validation[:, 7] += 1
    found = compare_sides([str(i) for i in range(44)], train, validation)
    assert [d.measure for d in found if d.verdict == "drift"] == ["7"]


def test_the_divergence_of_classes_between_the_sides_by_hand() -> None:
    assert divergence([10, 0], [0, 5]) == pytest.approx(1)
    assert divergence([30, 10], [3, 1]) == pytest.approx(0)
    p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    middle = (p + q) / 2
    expected = stats.entropy(p, middle, base=2) / 2 + stats.entropy(q, middle, base=2) / 2
    assert divergence([2, 2], [1, 3]) == pytest.approx(expected)
    assert divergence([1, 2], [0, 0]) == 0
