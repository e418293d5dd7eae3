"""The split: exact counts, no dependence on the listing, and no reshuffle when files come or go."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from fext_engine.images.split import split_dataset
from fext_engine.sections import DatasetSettings

PATHS = [f"class_{i % 7}/image_{i:04d}.jpg" for i in range(500)]
names = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=60)
shares = st.floats(0.01, 1.0)


def test_counts_are_exact() -> None:
    training, validation = split_dataset(PATHS, DatasetSettings(validation_size=0.2))
    assert (len(training), len(validation)) == (400, 100)
    dataset = DatasetSettings(sample_size=0.5, validation_size=0.1, train_sample_size=0.4)
    training, validation = split_dataset(PATHS, dataset)
    assert (len(training), len(validation)) == (90, 25)


def test_order_of_the_listing_does_not_matter() -> None:
    shuffled = random.Random(1).sample(PATHS, len(PATHS))
    dataset = DatasetSettings(sample_size=0.7, train_sample_size=0.6)
    assert split_dataset(shuffled, dataset) == split_dataset(PATHS, dataset)


def test_another_seed_divides_otherwise() -> None:
    one, two = (set(split_dataset(PATHS, DatasetSettings(split_seed=seed))[1]) for seed in (1, 2))
    assert 5 < len(one & two) < 45  # 20 expected of two independent hundreds of five hundred


def test_a_larger_sample_keeps_the_smaller_one() -> None:
    small, large = (
        {p for side in split_dataset(PATHS, DatasetSettings(sample_size=share)) for p in side}
        for share in (0.3, 0.6)
    )
    assert small < large


def test_a_new_file_moves_at_most_one_other() -> None:
    dataset = DatasetSettings()
    before = set(split_dataset(PATHS, dataset)[1])
    for i in range(50):
        after = set(split_dataset([*PATHS, f"new_{i}.png"], dataset)[1])
        assert len((before ^ after) - {f"new_{i}.png"}) <= 1


@given(names, shares, shares, st.floats(0.01, 0.9), st.integers(0, 2**31 - 1))
@settings(max_examples=200, deadline=None)
def test_sides_are_disjoint_and_never_empty(
    paths: list[str], sample: float, train_sample: float, validation_size: float, seed: int
) -> None:
    paths = [p.encode("utf-8", "replace").decode() for p in paths]
    paths = list(dict.fromkeys(paths))
    dataset = DatasetSettings(
        sample_size=sample, train_sample_size=train_sample, validation_size=validation_size, split_seed=seed
    )
    training, validation = split_dataset(paths, dataset)
    assert not set(training) & set(validation)
    assert set(training) | set(validation) <= set(paths)
    assert training == sorted(training, key=str.encode)
    if len(paths) >= 2:
        assert training
        assert validation
    elif paths:
        assert training == paths
