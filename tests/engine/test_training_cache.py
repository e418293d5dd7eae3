"""The pixel cache: whole or not there, reused while nothing changed."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tiny_training import make_images, plant_broken_files

from fext_engine.arrays import RowWriter
from fext_engine.errors import FextError, JobStopped
from fext_engine.images.decode import decode_resized
from fext_engine.images.scan import image_path, scan
from fext_engine.training.cache import PixelRequest, open_cache
from fext_engine.training.reading import ImageSize

SIZE = ImageSize(12, 10, False)


def request(root, cache, mode="disk", size=SIZE):
    return PixelRequest(root, list(scan(root)), size, mode, cache, threads=2)


def opened(*arguments, **more):
    """A cache and how many images were read for it."""
    read = []
    cache = open_cache(request(*arguments, **more), lambda done, total: read.append(done), lambda text: None)
    return cache, len(read)


@pytest.mark.parametrize("mode", ["ram", "disk", "off", "auto"])
@pytest.mark.parametrize("grayscale", [False, True])
def test_every_mode_gives_the_pixels_of_the_one_decoder(tmp_path, mode, grayscale):
    root = make_images(tmp_path / "images", 6)
    size = ImageSize(12, 10, grayscale)
    cache, _ = opened(root, tmp_path / "cache", mode, size)
    rows = np.array([4, 0, 4])
    wanted = [decode_resized(image_path(root, cache.paths[r]), 12, 10, grayscale) for r in rows]
    assert np.array_equal(cache.gather(rows), np.stack(wanted))
    assert cache.gather(rows).dtype == np.uint8


@pytest.mark.parametrize("mode", ["ram", "disk", "off"])
def test_broken_files_are_left_out_with_their_reason(tmp_path, mode):
    root = make_images(tmp_path / "images", 4)
    broken = plant_broken_files(root)
    cache, _ = opened(root, tmp_path / "cache", mode)
    assert {image.path: image.status for image in cache.left_out} == broken
    assert all(image.reason for image in cache.left_out)
    assert len(cache.paths) == 5
    assert cache.gather(np.arange(5)).shape == (5, 12, 10, 3)


def test_an_unchanged_folder_is_read_once(tmp_path):
    root = make_images(tmp_path / "images", 5)
    plant_broken_files(root)
    first, read = opened(root, tmp_path / "cache")
    assert read == 10
    again, read = opened(root, tmp_path / "cache")
    assert read == 0
    assert again.paths == first.paths
    assert again.digests == first.digests
    assert [i.path for i in again.left_out] == [i.path for i in first.left_out]


def test_a_changed_file_or_size_is_read_anew(tmp_path):
    root = make_images(tmp_path / "images", 5)
    opened(root, tmp_path / "cache")
    changed = root / "a" / "000.png"
    Image.new("RGB", (9, 9), "red").save(changed)
    os.utime(changed, ns=(1, 1))
    cache, read = opened(root, tmp_path / "cache")
    assert read == 5
    assert (cache.gather(np.array([0])) == [255, 0, 0]).all()
    assert opened(root, tmp_path / "cache", size=ImageSize(8, 8, False))[1] == 5


def test_an_interrupted_build_leaves_nothing_that_looks_whole(tmp_path):
    root = make_images(tmp_path / "images", 5)

    def stop(done, total):
        if done == 3:
            raise JobStopped("stopped")

    with pytest.raises(JobStopped):
        open_cache(request(root, tmp_path / "cache"), stop, lambda text: None)
    assert not [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]
    assert opened(root, tmp_path / "cache")[1] == 5


@pytest.mark.parametrize("file", ["pixels.npy", "index.csv"])
def test_a_damaged_cache_is_built_anew(tmp_path, file):
    root = make_images(tmp_path / "images", 5)
    opened(root, tmp_path / "cache")
    path = next((tmp_path / "cache").rglob(file))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    cache, read = opened(root, tmp_path / "cache")
    assert read == 5
    assert len(cache.gather(np.arange(5))) == 5


def test_a_file_that_goes_while_it_is_needed_is_named(tmp_path):
    root = make_images(tmp_path / "images", 3)
    cache, _ = opened(root, tmp_path / "cache", "off")
    (root / "b" / "001.png").unlink()
    with pytest.raises(FextError, match=r"b/001\.png"):
        cache.gather(np.arange(3))


def test_too_little_room_is_told_before_anything_is_read(tmp_path):
    root = make_images(tmp_path / "images", 3)
    huge = ImageSize(10**6, 10**6, False)
    for mode in ("ram", "disk"):
        with pytest.raises(FextError, match="GB"):
            opened(root, tmp_path / "cache", mode, huge)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_a_growing_array_reads_back_as_numpy_wrote_it(tmp_path, shape):
    rows = np.arange(10 * int(np.prod(shape)), dtype=np.float16).reshape(10, *shape)
    with RowWriter(tmp_path / "x.npy", shape, rows.dtype) as writer:
        writer.write(rows[:3])
        writer.write(rows[3:])
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert mapped.dtype == rows.dtype
    assert np.array_equal(mapped, rows)
    with RowWriter(tmp_path / "none.npy", shape, rows.dtype):
        pass
    assert np.load(tmp_path / "none.npy").shape == (0, *shape)


def test_older_caches_make_way_and_the_one_in_use_longest_ago_goes_first(tmp_path):
    folder, told = tmp_path / "cache", []
    made = []
    for number in range(4):
        root = make_images(tmp_path / f"images{number}", 4)
        wanted = request(root, folder)
        if number == 3:  # the second one is used again, then a fourth has room for two beside it
            open_cache(made[1], lambda *_: None, told.append)
            size = sum(f.stat().st_size for f in made[0].stored.iterdir())
            wanted = replace(wanted, limit_gb=(2.5 * size + wanted.bytes) / 1e9)
        open_cache(wanted, lambda *_: None, told.append)
        made.append(wanted)
        os.utime(wanted.stored, (number, number))
        if number == 1:
            os.utime(wanted.stored, (0, 0))
    assert [m.stored.is_dir() for m in made] == [False, True, True, True]
    assert "removed" in " ".join(told) and "0.0 MB, are kept in" in told[0]


def test_pixels_above_the_limit_are_kept_in_memory_or_refused(tmp_path):
    root = make_images(tmp_path / "images", 4)
    small = replace(request(root, tmp_path / "cache", "auto"), limit_gb=1e-7)
    open_cache(small, lambda *_: None, print)
    assert not small.stored.exists()
    with pytest.raises(FextError, match="cache_limit"):
        open_cache(replace(small, mode="disk"), lambda *_: None, print)
