"""Encoding a folder: rows that are the encoder's own output, and every file accounted for."""

from __future__ import annotations

import csv
import json
from functools import cache

import numpy as np
import pytest
import torch
from tiny_training import make_images, make_workspace, plant_broken_files, small_settings, untrained

from fext_engine.errors import FextError
from fext_engine.images.decode import decode_resized
from fext_engine.images.scan import image_path
from fext_engine.jobs.run import run_here
from fext_engine.records import open_records
from fext_engine.records.encodings import list_encodings
from fext_engine.training.batches import to_float
from fext_engine.training.checkpoints import load_model
from fext_engine.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    workspace = make_workspace(tmp_path_factory.mktemp("latents"))
    untrained(workspace)
    make_images(workspace.inference, 11)
    return workspace


def encode(workspace, output, **changes):
    arguments = {"run": "r", "output": str(output)}
    summary = run_here(workspace, "encode", small_settings(inference__batch_size=4, **changes), arguments)
    with (output / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    manifest = json.loads((output / "manifest.json").read_text())
    return np.load(output / "latents.npy", mmap_mode="r"), rows, manifest, summary


@cache
def direct(workspace, path):
    """The encoder's own output (H', W', C) for one file."""
    loaded = load_model(RunFolder(workspace.run("r")), torch.device("cpu"))
    pixels = decode_resized(image_path(workspace.inference, path), 24, 16, False)
    with torch.inference_mode():
        return (
            loaded.model.encode(to_float(torch.from_numpy(pixels[None].copy())))[0].permute(1, 2, 0).numpy()
        )


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("pooling", ["none", "flatten", "mean", "max"])
def test_rows_are_the_output_of_the_encoder(workspace, tmp_path, dtype, pooling):
    latents, rows, manifest, _ = encode(
        workspace, tmp_path / "out", inference__latent_dtype=dtype, inference__pooling=pooling
    )
    assert latents.dtype == dtype
    assert [row["row"] for row in rows] == [str(i) for i in range(11)]
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    wanted_of = {
        "none": lambda z: z,
        "flatten": np.ravel,
        "mean": lambda z: z.mean((0, 1)),
        "max": lambda z: z.max((0, 1)),
    }
    for row in rows:
        wanted = wanted_of[pooling](direct(workspace, row["path"]))
        assert latents[int(row["row"])] == pytest.approx(wanted, abs=2e-3 if dtype == "float16" else 1e-5)
        assert (row["width"], row["height"], row["status"]) == ("30", "26", "ok")
    assert manifest["row_shape"] == list(latents.shape[1:])
    assert manifest["latent_shape"] == [1, 1, 256]


def test_the_manifest_says_what_made_the_rows(workspace, tmp_path):
    _, _, manifest, summary = encode(workspace, tmp_path / "out")
    run = RunFolder(workspace.run("r"))
    digests = json.loads((run.pointed("best") / "state.json").read_text())["digests"]
    assert manifest["run"] == "r"
    assert manifest["model"] == "FextAE Redux"
    assert manifest["checkpoint"] == {"epoch": 1, "digest": "sha256:" + digests["weights.safetensors"]}
    assert (manifest["preprocessing"]["height"], manifest["preprocessing"]["width"]) == (24, 16)
    assert manifest["counts"] == {"files": 11, "encoded": 11, "broken": {}}
    assert {"fext", "torch", "numpy", "pillow"} <= manifest["versions"].keys()
    assert summary["shape"] == [11, 256]
    with open_records(workspace.database) as records:
        newest = list_encodings(records)[0]
    assert (newest.path, newest.encoded, newest.dimensions) == (str(tmp_path / "out"), 11, 256)


def test_broken_files_have_a_status_and_no_row(tmp_path):
    workspace = make_workspace(tmp_path / "ws", 0)
    untrained(workspace)
    make_images(workspace.inference, 9)
    broken = plant_broken_files(workspace.inference)
    latents, rows, manifest, summary = encode(workspace, tmp_path / "out")
    assert {row["path"]: row["status"] for row in rows if row["row"] == ""} == broken
    assert all(row["reason"] for row in rows if row["row"] == "")
    good = rows[:10]  # row i of the vectors is line i of the file
    assert [int(row["row"]) for row in good] == list(range(10))
    assert len(latents) == 10
    for row in good:
        assert latents[int(row["row"])] == pytest.approx(direct(workspace, row["path"]).ravel(), abs=1e-5)
    assert manifest["counts"] == {
        "files": 14, "encoded": 10, "broken": {"empty": 2, "not_an_image": 1, "truncated": 1},
    }  # fmt: skip
    assert (summary["encoded"], summary["broken"]) == (10, 4)


def test_a_folder_of_broken_files_alone_gives_an_empty_table(workspace, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.png").write_bytes(b"")
    arguments = {"run": "r", "input": str(tmp_path / "in"), "output": str(tmp_path / "out")}
    assert run_here(workspace, "encode", small_settings(), arguments)["encoded"] == 0
    assert np.load(tmp_path / "out" / "latents.npy", mmap_mode="r").shape == (0, 256)


def test_the_default_place_is_beside_the_images_and_is_not_encoded_again(tmp_path):
    workspace = make_workspace(tmp_path, 0)
    untrained(workspace)
    make_images(workspace.inference, 11)
    first = run_here(workspace, "encode", small_settings(), {"run": "r"})
    assert first["encoded"] == 11
    assert (workspace.inference / first["encoding"] / "manifest.json").is_file()
    assert workspace.find_encoding("latest").name == first["encoding"]
    assert first["encoding"].startswith("r-2")


def test_faults_of_the_user_are_named(workspace, tmp_path):
    (tmp_path / "empty").mkdir()
    settings = small_settings()
    with pytest.raises(FextError, match="exists already"):
        run_here(workspace, "encode", settings, {"run": "r", "output": str(tmp_path / "empty")})
    with pytest.raises(FextError, match="no images in"):
        run_here(workspace, "encode", settings, {"run": "r", "input": str(tmp_path / "empty")})
    with pytest.raises(FextError, match="does not exist"):
        run_here(workspace, "encode", settings, {"run": "r", "input": str(tmp_path / "nowhere")})
