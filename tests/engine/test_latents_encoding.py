"""Opening an encoding: what fits together is mapped, what does not is refused with its reason."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from tiny_training import make_images, make_workspace, plant_broken_files, small_settings, untrained

from fext_engine.errors import FextError
from fext_engine.jobs.run import run_here
from fext_engine.latents.encoding import open_encoding, require_same_space


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    workspace = make_workspace(tmp_path_factory.mktemp("encoding"), 0)
    untrained(workspace)
    make_images(workspace.inference, 7)
    plant_broken_files(workspace.inference)
    for name, pooling in (("flat", "flatten"), ("pooled", "mean")):
        run_here(
            workspace,
            "encode",
            small_settings(inference__pooling=pooling),
            {"run": "r", "output": str(workspace.root / name)},
        )
    return workspace.root


@pytest.fixture
def folder(encoded, tmp_path):
    return shutil.copytree(encoded / "flat", tmp_path / "flat")


def test_rows_vectors_and_files_belong_together(encoded):
    encoding = open_encoding(encoded / "flat")
    assert encoding.latents.shape == (8, 256) == encoding.vectors.shape
    assert np.array_equal(encoding.latents, np.load(encoded / "flat" / "latents.npy"))
    with (encoded / "flat" / "rows.csv").open(newline="", encoding="utf-8") as file:
        paths = [line["path"] for line in csv.DictReader(file)]
    assert [file.path for file in encoding.files] == paths
    assert [file.row for file in encoding.rows] == list(range(8))
    assert {file.status for file in encoding.files[8:]} > {"truncated"}
    assert all(encoding.image(row).is_file() for row in range(8))
    assert not encoding.latents.flags.writeable


def cut(file, size=-10):
    file.write_bytes(file.read_bytes()[:size])


def pickled(folder):
    np.save(folder / "latents.npy", np.array([{"a": 1}], object), allow_pickle=True)


def rewrite(folder, **changes):
    document = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(document | changes))


def change_rows(folder, old, new):
    text = (folder / "rows.csv").read_text()
    assert old in text
    (folder / "rows.csv").write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: cut(f / "latents.npy"), r"latents.npy .*truncated: [\d,]+ of [\d,]+ bytes"),
        (lambda f: cut(f / "latents.npy", 20), "latents.npy does not fit its manifest"),
        (lambda f: (f / "latents.npy").unlink(), "latents.npy is missing"),
        (pickled, "latents.npy does not fit its manifest: it holds object"),
        (lambda f: np.save(f / "latents.npy", np.zeros((6, 256), np.float32)), r"shape \(6, 256\)"),
        (lambda f: np.save(f / "latents.npy", np.zeros((8, 256))), "it holds float64"),
        (lambda f: (f / "rows.csv").write_text("a,b\n1,2\n"), "rows.csv is no table of FeXT's, line 1"),
        (lambda f: change_rows(f, "\n3,", "\n4,"), "rows.csv does not number the 8 rows"),
        (lambda f: change_rows(f, "\n3,", "\nx,"), "rows.csv is no table of FeXT's, line 5"),
        (lambda f: change_rows(f, "\n3,", "\n3,../"), "line 5: ../.* leads out of the encoded folder"),
        (lambda f: (f / "rows.csv").write_bytes(b"row\xff\x00"), "rows.csv is no table of FeXT's"),
        (lambda f: cut(f / "manifest.json"), "manifest.json is not a manifest that FeXT can read"),
        (lambda f: rewrite(f, format=99), "format 99, newer than this version"),
        (lambda f: rewrite(f, row_shape=[-1]), "does not fit its manifest"),
        (lambda f: (f / "manifest.json").write_bytes(b"{" * (17 * 2**20)), "too large for a manifest"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(folder, damage, reason):
    damage(folder)
    with pytest.raises(FextError, match=reason):
        open_encoding(folder)


def test_encodings_of_different_making_are_not_compared(encoded, folder):
    flat = open_encoding(encoded / "flat")
    require_same_space(flat, open_encoding(folder))
    with pytest.raises(FextError, match="flat and pooled cannot be compared, their pooling differs"):
        require_same_space(flat, open_encoding(encoded / "pooled"))
    rewrite(folder, checkpoint={"epoch": 3, "digest": "sha256:00"})
    with pytest.raises(FextError, match="their checkpoint differs"):
        require_same_space(flat, open_encoding(folder))
