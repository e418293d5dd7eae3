"""The resources tree and writing files so that none is ever half there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from fext_engine.errors import FextError
from fext_engine.settings import Settings
from fext_engine.workspace import (
    STOCK_PRESETS,
    atomic_file,
    atomic_folder,
    find_workspace,
    timestamp,
    write_atomic,
)

posix = pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")


@pytest.fixture
def workspace(tmp_path):
    return find_workspace(tmp_path / "resources")


@pytest.fixture
def umask():
    old = os.umask(0o027)
    yield
    os.umask(old)


# Where the tree is


def test_the_order_of_places(tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("FEXT_RESOURCES", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if sys.platform == "linux":
        assert find_workspace().root == tmp_path / "data" / "fext"
    (here / "resources").mkdir()
    assert find_workspace().root == here / "resources"
    monkeypatch.setenv("FEXT_RESOURCES", str(tmp_path / "variable"))
    assert find_workspace().root == tmp_path / "variable"
    assert find_workspace(tmp_path / "flag").root == tmp_path / "flag"
    assert find_workspace("relative").root == here / "relative"


def test_a_new_tree_is_whole_and_opening_it_again_changes_nothing(workspace):
    assert all(folder.is_dir() for folder in workspace.folders)
    assert {p.stem for p in workspace.configurations.glob("*.toml")} == set(STOCK_PRESETS)
    own = workspace.configurations / "quick.toml"
    own.write_text("# edited\n")
    before = {p: p.stat().st_mtime_ns for p in workspace.root.rglob("*")}
    find_workspace(workspace.root)
    assert {p: p.stat().st_mtime_ns for p in workspace.root.rglob("*")} == before


def test_a_place_that_cannot_be_written_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FextError, match=r"cannot create the resources folder .*file.*--resources"):
        find_workspace(tmp_path / "file" / "below")


def test_the_images_root_is_the_settings_or_the_workspaces_own(workspace, tmp_path, monkeypatch):
    assert workspace.images_root(Settings()) == workspace.images
    monkeypatch.chdir(tmp_path)
    chosen = Settings().with_options({"dataset.images": "photos"})
    assert workspace.images_root(chosen) == tmp_path / "photos"


# Finding runs and encodings


def test_runs_are_found_by_name_beginning_and_latest(workspace):
    for age, name in enumerate(["redux_1", "redux_10", "medium_1"]):
        workspace.run(name).mkdir()
        os.utime(workspace.run(name), (1000 + age, 1000 + age))
    (workspace.checkpoints / ".hidden").mkdir()
    (workspace.checkpoints / "file").touch()
    assert workspace.find_run("redux_1").name == "redux_1"
    assert workspace.find_run("redux_10").name == "redux_10"
    assert workspace.find_run("med").name == "medium_1"
    assert workspace.find_run("latest").name == "medium_1"
    with pytest.raises(FextError, match=r"several runs begin with 'redux'; name one of: redux_1, redux_10"):
        workspace.find_run("redux")
    with pytest.raises(FextError, match=r"there is no run called 'large'; name one of: .*medium_1"):
        workspace.find_run("large")
    with pytest.raises(FextError, match="there is no run called ''"):
        workspace.find_run("")


@pytest.mark.parametrize("name", ["..", "../configurations", ".", "/", "a/../.."])
def test_no_name_leads_out_of_the_checkpoints(workspace, name):
    workspace.run("redux").mkdir()
    with pytest.raises(FextError):
        workspace.find_run(name)


def test_without_a_run_the_way_to_one_is_told(workspace):
    with pytest.raises(FextError, match="there is no run yet; `fext train` makes one"):
        workspace.find_run("latest")


def test_encodings_are_found_by_folder_and_by_name(workspace, tmp_path):
    for folder in (workspace.inference / "redux-1", tmp_path / "elsewhere"):
        folder.mkdir()
        (folder / "manifest.json").write_text("{}")
    (workspace.inference / "images").mkdir()
    assert workspace.find_encoding("redux") == workspace.inference / "redux-1"
    assert workspace.find_encoding("latest") == workspace.inference / "redux-1"
    assert workspace.find_encoding(str(tmp_path / "elsewhere")) == tmp_path / "elsewhere"
    with pytest.raises(FextError, match="no encoding called 'images'"):
        workspace.find_encoding("images")


# Atomic writes


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_atomic(path, "old")
    with atomic_file(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_atomic(path, "old")
    for error in (OSError, KeyboardInterrupt):
        with pytest.raises(error), atomic_file(path) as file:
            file.write(b"half of the n")
            raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom fext_engine.workspace import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as file:\n    file.write(b'x' * 100_000)\n    os._exit(9)"
    )
    root = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", code, str(path)], env={**os.environ, "PYTHONPATH": root}, check=False
    )
    assert path.read_text() == "old"


def test_names_of_every_length_and_kind_can_be_written(tmp_path):
    for name in ("x" * 255, "漢" * 85, "[red]", "a\nb", "\u202e.txt"):
        write_atomic(tmp_path / name, name)
        assert (tmp_path / name).read_text() == name


@posix
def test_modes_honour_the_umask(tmp_path, umask):
    write_atomic(tmp_path / "file", b"")
    with atomic_folder(tmp_path / "folder") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "folder"
    with pytest.raises(ZeroDivisionError), atomic_folder(path) as folder:
        (folder / "half").write_text("x")
        raise ZeroDivisionError
    assert list(path.parent.iterdir()) == []
    with atomic_folder(path) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text("x")
        assert not path.exists()
    assert (path / "sub" / "file").read_text() == "x"
    with pytest.raises(FileExistsError), atomic_folder(path):
        pass
    assert (path / "sub" / "file").read_text() == "x"
    assert list(path.parent.iterdir()) == [path]


def test_the_timestamp_is_sortable_text():
    assert timestamp(datetime(2026, 11, 23, 21, 45, 0)) == "20261123T214500"
