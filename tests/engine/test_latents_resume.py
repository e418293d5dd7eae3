"""Encoding after a stop, a kill or a full disk: it goes on where it was, to the same bytes."""

from __future__ import annotations

import resource
import shutil

import pytest
from own_process import in_own_process, killed_at
from tiny_training import (
    ask_to_stop,
    make_images,
    make_workspace,
    plant_broken_files,
    small_settings,
    untrained,
)

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.run import run_here
from fext_engine.latents import unfinished
from fext_engine.maintenance import removable, remove

FILES = ("latents.npy", "rows.csv", "files.csv")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A workspace with a run, 17 images and 5 odd files, and what an uninterrupted encoding makes of them."""
    workspace = make_workspace(tmp_path_factory.mktemp("resume"), 0)
    untrained(workspace)
    make_images(workspace.inference, 17)
    plant_broken_files(workspace.inference)
    encode(workspace, workspace.root / "whole")
    return workspace


@pytest.fixture
def workspace(prepared, tmp_path):
    """A copy of it; its images are the same ones, with the same times."""
    shutil.copytree(prepared.root, tmp_path / "ws")
    return type(prepared)(tmp_path / "ws")


def encode(workspace, output=None, on_event=None, **changes):
    settings = small_settings(**{"inference__batch_size": 4, "device__num_workers": 2} | changes)
    return run_here(workspace, "encode", settings, {"run": "r", "output": output and str(output)}, on_event)


def assert_same(one, other):
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def partials(folder):
    return [name for name in names(folder) if name.endswith((".partial", ".replaced"))]


def stop_after(events):
    """What asks to stop at the progress event of that number."""

    def listen(event):
        nonlocal events
        events -= event.kind == "progress"
        if not events and event.kind == "progress":
            ask_to_stop()

    return listen


def stopped(workspace, output):
    with pytest.raises(JobStopped, match=r"stopped after \d+ of 22 images, which are kept; the same command") as stop:
        encode(workspace, output, stop_after(1))
    return int(str(stop.value).split()[2])


def messages(events):
    return "\n".join(str(e.data.get("message")) for e in events if e.kind == "log")


def test_a_stop_keeps_what_is_done_and_the_same_command_goes_on(workspace, tmp_path):
    kept = stopped(workspace, tmp_path / "deep" / "out")
    assert 0 < kept < 22
    assert names(tmp_path / "deep") == [".out.partial"]
    events = []
    summary = encode(workspace, tmp_path / "deep" / "out", events.append)
    assert f"goes on behind {kept} of 22 images" in messages(events)
    assert next(e for e in events if e.kind == "progress").data["done"] > kept
    assert (summary["outcome"], summary["encoded"], summary["broken"]) == ("new", 18, 4)
    assert_same(tmp_path / "deep" / "out", workspace.root / "whole")
    assert names(tmp_path / "deep" / "out") == sorted([*FILES, "manifest.json"])
    assert names(tmp_path / "deep") == ["out"]


def test_without_an_output_the_unfinished_one_is_found(workspace):
    with pytest.raises(JobStopped):
        encode(workspace, None, stop_after(1))
    (left,) = partials(workspace.inference)
    name = encode(workspace)["encoding"]
    assert left == f".{name}.partial"
    assert partials(workspace.inference) == []
    assert_same(workspace.inference / name, workspace.root / "whole")


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished, "SYNC_SECONDS", 0)
    steps = {"inference__batch_size": 12}  # four of them
    shutil.rmtree(workspace.root / "whole")
    encode(workspace, workspace.root / "whole", **steps)
    moment = 1
    while killed_at(moment, lambda: encode(workspace, tmp_path / "out", **steps)):
        encode(workspace, tmp_path / "out", **steps)
        assert_same(tmp_path / "out", workspace.root / "whole")
        assert partials(tmp_path) == [] and names(tmp_path / "out") == sorted([*FILES, "manifest.json"])
        shutil.rmtree(tmp_path / "out")
        moment += 1
    assert moment > 20


def test_a_killed_one_goes_on_and_what_was_not_durable_is_cut(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished, "SYNC_SECONDS", 0)
    assert killed_at(12, lambda: encode(workspace, tmp_path / "out"))
    folder = tmp_path / ".out.partial"
    with (folder / "journal.csv").open("ab") as file:
        file.write(b"9,a/01")  # a torn line
    with (folder / "latents.npy").open("ab") as file:
        file.write(b"x" * 3000)  # rows that no line names
    events = []
    encode(workspace, tmp_path / "out", events.append)
    assert "goes on behind" in messages(events)
    assert_same(tmp_path / "out", workspace.root / "whole")


def test_a_folder_that_changed_meanwhile_is_encoded_as_it_is_now(workspace, tmp_path):
    kept = stopped(workspace, tmp_path / "out")
    lines = (tmp_path / ".out.partial" / "journal.csv").read_text().splitlines()
    changed = workspace.inference / lines[kept // 2].split(",")[1]
    changed.write_bytes((workspace.inference / "b" / "015.png").read_bytes())
    (workspace.inference / "b" / "013.png").unlink()
    encode(workspace, tmp_path / "out")
    encode(workspace, tmp_path / "fresh")
    assert_same(tmp_path / "out", tmp_path / "fresh")


def test_what_fits_no_more_is_left_alone_and_told_and_can_be_removed(workspace):
    with pytest.raises(JobStopped):
        encode(workspace, None, stop_after(1))
    left = partials(workspace.inference)
    before = (workspace.inference / left[0] / "journal.csv").read_bytes()
    untrained(workspace, seed=1, epoch=2)
    events = []
    encode(workspace, None, events.append)
    assert f"{left[0]} is left alone, an unfinished encoding of another checkpoint" in messages(events)
    assert partials(workspace.inference) == left
    assert (workspace.inference / left[0] / "journal.csv").read_bytes() == before
    (item,) = removable(workspace, ["unfinished"])
    assert item.path.name == left[0] and item.bytes > 0
    remove(workspace, [item])
    assert partials(workspace.inference) == []


def test_two_jobs_do_not_make_the_same_encoding(workspace, tmp_path):
    stopped(workspace, tmp_path / "out")
    with (
        unfinished.claimed(tmp_path / ".out.partial"),
        pytest.raises(FextError, match="another job makes this encoding already"),
    ):
        encode(workspace, tmp_path / "out")
    encode(workspace, tmp_path / "out")
    assert_same(tmp_path / "out", workspace.root / "whole")


def test_a_full_disk_is_told_and_nothing_done_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished, "SYNC_SECONDS", 0)
    workspace = make_workspace(tmp_path / "ws", 0)
    untrained(workspace, dataset__image_height=128, dataset__image_width=128)  # rows of 16 kB
    make_images(workspace.inference, 40)

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        encode(workspace, tmp_path / "out")

    code, said = in_own_process(limited)
    assert code == 1
    assert "File too large; free some space" in said and "goes on where it was" in said
    events = []
    encode(workspace, tmp_path / "out", events.append)
    encode(workspace, tmp_path / "whole")
    assert "goes on behind 24 of 40 images" in messages(events)
    assert_same(tmp_path / "out", tmp_path / "whole")


def test_an_encoding_for_which_nothing_was_done_leaves_nothing(workspace, tmp_path):
    with pytest.raises(FextError, match=r"have 17 at most; set inference\.pca_components to 17 or less"):
        encode(workspace, tmp_path / "out", inference__pooling="pca")
    assert not (tmp_path / "out").exists() and partials(tmp_path) == []
