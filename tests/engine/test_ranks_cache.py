"""The pixel cache by several processes: a share each, and the same files for all of them as for one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rank_processes import die, in_ranks, my_number
from tiny_training import make_images, plant_broken_files

from fext_engine.errors import JobStopped
from fext_engine.images.scan import scan
from fext_engine.ranks import join_ranks, leave_ranks
from fext_engine.training.cache import PixelRequest, open_cache
from fext_engine.training.reading import ImageSize


@pytest.fixture
def root(tmp_path):
    folder = make_images(tmp_path / "images", 20)
    plant_broken_files(folder)
    return folder


def request(root, cache, mode):
    return PixelRequest(root, list(scan(root)), ImageSize(12, 10, False), mode, cache, threads=2)


def opened_by(count, wanted, tmp_path, report=lambda done, total: None):
    """What each of so many processes found: how many files it read, and what it has, in a file of its own."""

    def work():
        ranks, read, told = join_ranks(), [], []

        def count(done, total):
            assert total == len(wanted.files)
            read.append(done)
            report(done, total)

        cache = open_cache(wanted, count, told.append, ranks, ranks.together)
        found = {
            "read": len(read), "paths": cache.paths, "digests": cache.digests, "told": " ".join(told),
            "left_out": [[i.path, i.status, i.reason] for i in cache.left_out],
            "pixels": cache.gather(np.arange(len(cache.paths))).tolist(),
        }  # fmt: skip
        (tmp_path / f"found_{my_number()}").write_text(json.dumps(found))
        leave_ranks(ranks)

    return in_ranks(count, work)


def found(tmp_path, count):
    return [json.loads((tmp_path / f"found_{number}").read_text()) for number in range(count)]


@pytest.mark.parametrize("mode", ["disk", "off"])
def test_several_read_a_share_each_and_have_what_one_has(root, tmp_path, mode):
    alone, wanted = request(root, tmp_path / "one", mode), request(root, tmp_path / "three", mode)
    cache = open_cache(alone, lambda *_: None, print)
    assert opened_by(3, wanted, tmp_path) == [(0, "")] * 3
    for had in found(tmp_path, 3):
        assert 7 <= had["read"] <= 9 < len(wanted.files)
        assert (had["paths"], had["digests"]) == (cache.paths, cache.digests)
        assert had["left_out"] == [[i.path, i.status, i.reason] for i in cache.left_out]
        assert np.array_equal(had["pixels"], cache.gather(np.arange(len(cache.paths))))
    if mode == "disk":
        for name in ("pixels.npy", "index.csv"):
            assert (wanted.stored / name).read_bytes() == (alone.stored / name).read_bytes()
        assert sorted(p.name for p in wanted.stored.iterdir()) == ["index.csv", "pixels.npy"]
    assert opened_by(2, wanted, tmp_path) == [(0, "")] * 2
    assert sum(had["read"] for had in found(tmp_path, 2)) == (0 if mode == "disk" else len(wanted.files))


def test_in_memory_is_on_disk_for_several(root, tmp_path):
    assert opened_by(2, request(root, tmp_path / "cache", "ram"), tmp_path) == [(0, "")] * 2
    assert "in memory each would have them all" in found(tmp_path, 2)[0]["told"]
    assert list((tmp_path / "cache").glob("pixels-*/pixels.npy"))


@pytest.mark.parametrize("death", [True, False])
def test_what_one_does_not_finish_is_not_there(root, tmp_path, death):
    def end(done, total):
        if my_number() == 1 and done == 5:
            if death:
                die()
            raise JobStopped("stopped while the images were read")

    (code, said), _ = opened_by(2, request(root, tmp_path / "cache", "disk"), tmp_path, end)
    assert code == 1
    assert said.startswith("RankLost: " if death else "JobStopped: stopped while the images were read"), said
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []
