"""Scanning: which files are found, in which order, and what happens where the file system is odd."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hostile import build_hostile_folder

from fext_engine.errors import FextError
from fext_engine.images.scan import image_path, scan


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def paths(root: Path) -> list[str]:
    return [file.path for file in scan(root)]


def test_every_hostile_image_is_found_once_and_nothing_else(tmp_path: Path) -> None:
    expected = build_hostile_folder(tmp_path)
    found = paths(tmp_path)
    assert sorted(found) == sorted(expected)
    assert len(found) == len(set(found))
    for name in found:
        assert name.isprintable()
        assert os.path.lexists(image_path(tmp_path, name))


def test_order_is_that_of_the_paths_bytes(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a/z.jpg", "a.jpg", "a-b/1.jpg", "a/b/c.jpg", "B.jpg", "ä.jpg", "a0.jpg")
    found = paths(tmp_path)
    assert found == sorted(found, key=str.encode)
    assert found[:4] == ["B.jpg", "a-b/1.jpg", "a.jpg", "a/b/c.jpg"]


def test_class_is_the_folder_and_suffixes_ignore_case(tmp_path: Path) -> None:
    touch(tmp_path, "top.JPG", "cats/tabby/x.Jpeg", "cats/y.tIFF", "dogs/notes.txt", "dogs/raw.cr2")
    assert {file.path: (file.class_name, file.suffix) for file in scan(tmp_path)} == {
        "cats/tabby/x.Jpeg": ("cats/tabby", ".jpeg"),
        "cats/y.tIFF": ("cats", ".tiff"),
        "top.JPG": ("", ".jpg"),
    }


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_but_no_folder_twice(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    touch(root, "real/a.jpg")
    touch(outside, "b.jpg", "deep/c.jpg")
    (root / "again").symlink_to(root / "real")  # within the root: met at its real place only
    (root / "out1").symlink_to(outside)
    (root / "out2").symlink_to(outside)  # the same folder under a second name
    (outside / "deep" / "loop").symlink_to(outside)
    (root / "link.jpg").symlink_to(outside / "b.jpg")
    assert paths(root) == ["link.jpg", "out1/b.jpg", "out1/deep/c.jpg", "real/a.jpg"]


def test_folders_deeper_than_the_recursion_limit(tmp_path: Path) -> None:
    depth = sys.getrecursionlimit() // 8
    limit, folder = sys.getrecursionlimit(), tmp_path
    for _ in range(depth):
        folder = folder / "d"
    folder.mkdir(parents=True)
    (folder / "x.png").write_bytes(b"x")
    sys.setrecursionlimit(depth)
    try:
        assert len(paths(tmp_path)) == 1
    finally:
        sys.setrecursionlimit(limit)


def test_a_root_that_cannot_be_scanned_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file.jpg").write_bytes(b"x")
    for root, word in ((tmp_path / "missing", "does not exist"), (tmp_path / "file.jpg", "not a folder")):
        with pytest.raises(FextError, match=word) as caught:
            scan(root)
        assert "dataset.images" in caught.value.do


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all"
)
def test_an_unreadable_folder_is_reported_and_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "locked/2.jpg", "z/3.jpg")
    (tmp_path / "locked").chmod(0)
    problems: list[tuple[str, str]] = []
    try:
        found = [f.path for f in scan(tmp_path, lambda path, reason: problems.append((path, reason)))]
    finally:
        (tmp_path / "locked").chmod(0o755)
    assert found == ["a/1.jpg", "z/3.jpg"]
    assert problems == [("locked", "Permission denied")]


def test_a_folder_that_vanishes_during_the_scan(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg")
    problems: list[str] = []
    files = scan(tmp_path, lambda path, reason: problems.append(path))
    assert next(files).path == "a/1.jpg"
    (tmp_path / "b" / "2.jpg").unlink()
    (tmp_path / "b").rmdir()
    assert [f.path for f in files] == ["c/3.jpg"]
    assert problems == ["b"]
