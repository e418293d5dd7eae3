"""Finding copies: the banded join against brute force, crowds of equal hashes, and what survives a re-encoding."""

from __future__ import annotations

import io
import time
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fext_engine.images.decode import decode_image
from fext_engine.images.duplicates import MAX_RADIUS, differing_bits, group_equal, group_near
from fext_engine.images.statistics import perceptual_hash


def partition(labels) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for place, label in enumerate(labels):
        groups.setdefault(int(label), set()).add(place)
    return {frozenset(group) for group in groups.values()}


def brute_force(hashes: list[int], radius: int) -> set[frozenset[int]]:
    label = list(range(len(hashes)))
    for a, b in combinations(range(len(hashes)), 2):
        if bin(hashes[a] ^ hashes[b]).count("1") <= radius:
            label = [label[a] if x == label[b] else x for x in label]
    return partition(label)


bits = st.sets(st.integers(0, 63), max_size=MAX_RADIUS + 2).map(lambda places: sum(1 << p for p in places))
seeds = st.sampled_from([0, 2**64 - 1, 0x0123456789ABCDEF, 0xF0F0F0F00F0F0F0F])
crowds = st.lists(st.tuples(seeds, bits).map(lambda pair: pair[0] ^ pair[1]), max_size=60)


@settings(max_examples=200, deadline=None)
@given(crowds, st.integers(0, MAX_RADIUS))
def test_the_banded_join_finds_what_brute_force_finds(hashes, radius):
    found = group_near(np.array(hashes, np.uint64), radius)
    assert partition(found) == brute_force(hashes, radius)


def test_runs_longer_than_the_first_reach_are_joined_too():
    rng = np.random.default_rng(3)
    low = rng.choice(2**24, 600, replace=False).astype(np.uint64)  # forty high bits are all equal
    assert partition(group_near(low, 2)) == brute_force(low.tolist(), 2)


def test_a_million_equal_or_crowded_hashes_are_no_trouble():
    start = time.monotonic()
    equal = group_near(np.full(1_000_000, 7, np.uint64), 4)
    assert len(np.unique(equal)) == 1
    crowded = np.random.default_rng(0).integers(0, 2**16, 1_000_000, dtype=np.uint64)
    assert len(np.unique(group_near(crowded, 4))) == 1
    assert time.monotonic() - start < 60  # every pair would be 500 billion


def test_groups_of_nothing_and_of_one():
    for radius in (0, 4):
        assert len(group_near(np.empty(0, np.uint64), radius)) == 0
        assert group_near(np.array([5], np.uint64), radius).tolist() == [0]
    assert len(group_equal(np.empty((0, 2), np.uint64))) == 0


def test_equal_rows_are_grouped():
    keys = np.array([[1, 2], [2, 1], [1, 2], [0, 0], [2, 1], [2, 2]], np.uint64)
    assert partition(group_equal(keys)) == {frozenset(group) for group in ({0, 2}, {1, 4}, {3}, {5})}


@pytest.mark.photos
def test_copies_of_photographs_are_found_and_no_two_photographs_are_copies(photos: Path, capsys):
    paths = sorted(photos.iterdir())
    originals, worst = [], {"JPEG quality 50": 0, "half size": 0}
    for path in paths:
        pixels = decode_image(path).pixels
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        originals.append(perceptual_hash(grey))
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=50)
        half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for name, copy in (
            ("JPEG quality 50", np.asarray(Image.open(buffer).convert("L"))),
            ("half size", half),
        ):
            worst[name] = max(worst[name], bin(originals[-1] ^ perceptual_hash(copy)).count("1"))
    hashes = np.array(originals, np.uint64)
    apart = differing_bits(hashes[:, None], hashes[None, :])[np.triu_indices(len(hashes), 1)]
    with capsys.disabled():
        print(
            f"\n{len(paths)} photographs: copies differ in at most {worst} bits, others in {apart.min()} or more"
        )
    assert max(worst.values()) <= 4
    assert apart.min() > 8
