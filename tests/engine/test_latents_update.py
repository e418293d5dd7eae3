"""Encoding the same folder again: nothing twice, and with `update` only what changed, the old one whole until then."""

from __future__ import annotations

import csv
import os
import shutil

import numpy as np
import pytest
from own_process import killed_at
from tiny_training import make_images, make_workspace, plant_broken_files, small_settings, untrained

from fext_engine.errors import FextError
from fext_engine.jobs.run import run_here
from fext_engine.latents.encoder import ImageEncoder
from fext_engine.latents.encoding import open_encoding


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A workspace with a run and 22 files, 18 of them images."""
    workspace = make_workspace(tmp_path_factory.mktemp("update"), 0)
    untrained(workspace)
    make_images(workspace.inference, 17)
    plant_broken_files(workspace.inference)
    return workspace


@pytest.fixture
def workspace(prepared, tmp_path):
    shutil.copytree(prepared.root, tmp_path / "ws")
    return type(prepared)(tmp_path / "ws")


@pytest.fixture
def encoded(monkeypatch):
    """How many images each call of the encoder had."""
    counts, start = [], ImageEncoder.start

    def counted(self, pixels):
        counts.append(len(pixels))
        return start(self, pixels)

    monkeypatch.setattr(ImageEncoder, "start", counted)
    return counts


def encode(workspace, output=None, on_event=None, update=False, **changes):
    settings = small_settings(**{"inference__batch_size": 4, "device__num_workers": 2} | changes)
    arguments = {"run": "r", "output": output and str(output), "update": update}
    return run_here(workspace, "encode", settings, arguments, on_event)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def change(workspace):
    """Change the images in every way; what the summary must say of it."""
    images = workspace.inference
    make_images(images / "new", 2, (31, 27))  # added: of other sizes, so of other bytes
    (images / "a" / "000.png").rename(images / "z.png")
    (images / "a" / "002.png").rename(images / "0.png")
    shutil.copy(images / "a" / "004.png", images / "copy.png")
    (images / "b" / "001.png").unlink()
    (images / "text.jpg").unlink()
    shutil.copy(images / "b" / "005.png", images / "b" / "003.png")  # changed
    shutil.copy(images / "b" / "007.png", images / "cut.png")  # broken before
    (images / "a" / "006.png").write_bytes(b"x")  # whole before
    os.utime(images / "a" / "008.png")  # touched
    return {"unchanged": 15, "changed": 3, "renamed": 2, "added": 3, "removed": 2}


def vectors(encoding):
    return {row.path: encoding.latents[row.row] for row in encoding.rows}


def test_what_is_there_is_not_made_again(workspace, tmp_path, encoded):
    first = encode(workspace)
    before = content(workspace.inference / first["encoding"])
    encoded.clear()
    events = []
    again = encode(workspace, None, events.append)
    assert again == first | {"outcome": "up to date"}
    assert any(f"{first['encoding']} is up to date" in e.data.get("message", "") for e in events)
    assert encode(workspace, update=True)["outcome"] == "up to date"
    assert encode(workspace, workspace.inference / first["encoding"])["outcome"] == "up to date"
    assert encoded == [] and content(workspace.inference / first["encoding"]) == before
    assert encode(workspace, tmp_path / "elsewhere")["outcome"] == "new"
    assert encode(workspace, inference__pooling="mean")["outcome"] == "new"
    assert encode(workspace, inference__pooling="mean")["outcome"] == "up to date"
    shutil.rmtree(workspace.inference / first["encoding"])
    assert encode(workspace)["encoding"] == "elsewhere", "the database knows where else one is"
    untrained(workspace, seed=2, epoch=2)
    assert encode(workspace)["outcome"] == "new"


def test_changed_files_make_a_new_encoding_unless_an_update_was_asked_for(workspace, tmp_path):
    out = tmp_path / "out"
    encode(workspace, out)
    before = content(out)
    change(workspace)
    with pytest.raises(FextError, match="exists already, and files were added, changed or removed since; bring it up"):
        encode(workspace, out)
    events = []
    assert encode(workspace, None, events.append)["outcome"] == "new"
    assert any("--update brings that up to date" in e.data.get("message", "") for e in events)
    assert content(out) == before
    with pytest.raises(FextError, match="exists already, an encoding of another pooling"):
        encode(workspace, out, update=True, inference__pooling="max")


def test_an_update_encodes_what_changed_and_is_what_a_new_encoding_would_be(workspace, tmp_path, encoded):
    out = tmp_path / "out"
    encode(workspace, out)
    old = open_encoding(out)
    kept = vectors(old)
    wanted = change(workspace)
    encoded.clear()
    summary = encode(workspace, out, update=True)
    assert sum(encoded) == 2, "two new pictures; what was renamed, touched or copied has its row"
    assert {key: summary[key] for key in wanted} == wanted
    assert (summary["outcome"], summary["encoded"], summary["broken"]) == ("updated", 20, 3)
    encode(workspace, tmp_path / "fresh")
    new, fresh = open_encoding(out), open_encoding(tmp_path / "fresh")
    assert new.files == fresh.files
    assert (out / "files.csv").read_bytes() == (tmp_path / "fresh" / "files.csv").read_bytes()
    assert np.allclose(new.latents, fresh.latents, atol=1e-5)
    now = vectors(new)
    same = {"z.png": "a/000.png", "0.png": "a/002.png", "copy.png": "a/004.png", "b/003.png": "b/005.png"}
    for path in ["a/008.png", "[red]x.png", "b/015.png", *same]:
        assert np.array_equal(now[path], kept[same.get(path, path)]), path
    assert new.manifest.created == old.manifest.created and new.manifest.updated
    assert names(tmp_path) == ["fresh", "out", "ws"]
    assert encode(workspace, out, update=True)["outcome"] == "up to date"


def test_without_an_output_the_newest_is_brought_up_to_date(workspace):
    first = encode(workspace)
    change(workspace)
    summary = encode(workspace, update=True)
    assert (summary["outcome"], summary["encoding"], summary["encoded"]) == ("updated", first["encoding"], 20)
    assert [n for n in names(workspace.inference) if n.startswith("r-")] == [first["encoding"]]


@pytest.mark.slow
def test_an_update_killed_at_any_moment_leaves_the_old_one_or_the_new_one(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr("fext_engine.latents.unfinished.SYNC_SECONDS", 0)
    out = tmp_path / "out"
    encode(workspace, out)
    encode(workspace, tmp_path / "old")
    change(workspace)
    assert encode(workspace, tmp_path / "new", update=True)["outcome"] == "new"
    old, new = (open_encoding(tmp_path / name) for name in ("old", "new"))
    moment, missing, steps = 1, 0, {"inference__batch_size": 12}
    while killed_at(moment, lambda: encode(workspace, out, update=True, **steps)):
        if out.exists():
            assert open_encoding(out).files in (old.files, new.files)
        missing += not out.exists()
        encode(workspace, out, update=True, **steps)
        updated = open_encoding(out)
        assert updated.files == new.files
        assert np.allclose(updated.latents, new.latents, atol=1e-5)
        assert names(tmp_path) == ["new", "old", "out", "ws"] and names(out) == names(tmp_path / "new")
        shutil.rmtree(out)
        shutil.copytree(tmp_path / "old", out)
        moment += 1
    assert moment > 20 and missing == 1


@pytest.mark.parametrize("whole", [True, False])
def test_a_process_that_dies_between_the_two_renames_leaves_nothing_half(workspace, tmp_path, whole):
    out = tmp_path / "out"
    encode(workspace, out)
    shutil.copytree(out, tmp_path / "old")
    change(workspace)
    encode(workspace, tmp_path / "new")
    out.rename(tmp_path / ".out.replaced")
    if whole:
        partial = shutil.copytree(tmp_path / "new", tmp_path / ".out.partial")
        (partial / "state.json").write_text('{"name": "out", "recipe": ' + recipe(tmp_path / "new") + "}")
    (tmp_path / ".mine.replaced").mkdir()  # no encoding, and not ours
    events = []
    if whole:
        assert encode(workspace, out, events.append)["outcome"] == "up to date"
    else:
        with pytest.raises(FextError, match="files were added, changed or removed since"):
            encode(workspace, out, events.append)
    assert any("out was exchanged when a job was killed; it is whole again" in e.data.get("message", "") for e in events)
    assert content(out) == content(tmp_path / ("new" if whole else "old"))
    assert names(tmp_path) == [".mine.replaced", "new", "old", "out", "ws"]


def recipe(folder):
    from fext_engine.latents.manifest import read_manifest
    from fext_engine.latents.recipe import Recipe

    return Recipe.of(read_manifest(folder)).model_dump_json()


def damage_latents(folder):
    (folder / "latents.npy").write_bytes((folder / "latents.npy").read_bytes()[:-10])


def damage_numbers(folder):
    (folder / "rows.csv").write_text((folder / "rows.csv").read_text().replace("\n3,", "\n4,", 1))


def write_another_table(folder):
    (folder / "rows.csv").write_text("name,label\nx.png,3\n")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_latents, r"latents\.npy does not fit its manifest: it is truncated"),
        (damage_numbers, r"rows\.csv does not number the rows of latents\.npy one by one"),
        (write_another_table, r"rows\.csv is no table of FeXT's, line 1"),
    ],
)
def test_a_damaged_encoding_is_not_updated_and_stays_as_it_is(workspace, tmp_path, damage, reason):
    out = tmp_path / "out"
    encode(workspace, out)
    damage(out)
    before = content(out)
    change(workspace)
    with pytest.raises(FextError, match=reason):
        encode(workspace, out, update=True)
    assert content(out) == before
    assert names(tmp_path) == ["out", "ws"]


def test_an_encoding_without_times_is_updated_by_content(workspace, tmp_path, encoded):
    out = tmp_path / "out"
    encode(workspace, out)
    (out / "files.csv").unlink()
    wanted = change(workspace)
    encoded.clear()
    summary = encode(workspace, out, update=True)
    assert sum(encoded) == 2
    assert {key: summary[key] for key in wanted} == wanted
    with (out / "files.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 23


def test_a_file_that_could_not_be_read_is_tried_again(workspace, tmp_path):
    out, target = tmp_path / "out", tmp_path / "later.png"
    (workspace.inference / "link.png").symlink_to(target)
    assert encode(workspace, out)["broken"] == 5
    assert encode(workspace, out)["outcome"] == "up to date"
    shutil.copy(workspace.inference / "b" / "001.png", target)
    assert encode(workspace, out, update=True)["broken"] == 4
