"""`fext search`: an image of the dataset, a copy of one, or any other, and what stands in the way."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_training import make_images, make_workspace, resume, small_settings, train

from fext_engine.cli import main
from fext_engine.errors import FextError
from fext_engine.jobs.run import run_here
from fext_engine.latents.encoding import open_encoding
from fext_engine.latents.search import nearest
from fext_engine.paths import escape_name, unescape_name

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, and encodings of a folder with a copy, an odd name and a broken file."""
    workspace = make_workspace(tmp_path_factory.mktemp("query"), 8)
    train(workspace, training__epochs=1)
    make_images(workspace.inference, 12)
    shutil.copy(workspace.inference / "a" / "000.png", workspace.inference / "a" / "copy.png")
    Image.new("RGB", (20, 20), "red").save(workspace.inference / "[b]new\nline.png")
    (workspace.inference / "broken.png").write_bytes(b"")
    for name, changes in (("full", {}), ("half", {"inference__latent_dtype": "float16"})):
        arguments = {"run": "r", "output": str(workspace.inference / name)}
        run_here(workspace, "encode", small_settings(**changes), arguments)
    return workspace


@pytest.fixture
def workspace(made, tmp_path):
    """A copy to damage; the encodings go on naming the images of the first."""
    shutil.copytree(made.root, tmp_path / "ws")
    return type(made)(tmp_path / "ws")


@pytest.fixture
def fext(capsys):
    def call(workspace, *arguments):
        code = main([*map(str, arguments), "--resources", str(workspace.root), "--set", "device.device=cpu"])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def found(output):
    rows = json.loads(output)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    return [(row["path"], row["distance"]) for row in rows]


def test_an_image_of_the_folder_finds_its_copy_and_not_itself(made, fext):
    images = open_encoding(made.inference / "full").images
    code, out, err = fext(made, "search", "full", images / "a" / "000.png", "--json", "--top", 30)
    assert (code, err) == (0, "")
    rows = found(out)
    assert len(rows) == 13 and rows[0] == ("a/copy.png", 0.0)
    assert "a/000.png" not in [path for path, _ in rows]
    encoding = open_encoding(made.inference / "full")
    numbers = {file.path: file.row for file in encoding.rows}
    best = nearest(encoding.vectors, encoding.vectors[numbers["a/000.png"]][None], 4)
    assert [numbers[path] for path, _ in rows[1:3]] == best.rows[0, 2:4].tolist()

    via_link = made.root / "link"
    via_link.symlink_to(images)
    assert found(fext(made, "search", "full", via_link / "a" / "000.png", "--json")[1])[0] == ("a/copy.png", 0.0)
    odd = found(fext(made, "search", "full", images / "[b]new\nline.png", "--json")[1])
    assert "[b]new\\nline.png" not in [path for path, _ in odd]


def test_the_table_and_the_csv_file(made, fext, tmp_path):
    image = open_encoding(made.inference / "full").images / "a" / "000.png"
    code, out, _ = fext(made, "search", "full", image, "--top", 2, "--metric", "euclidean")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["rank", "1", "2"]
    assert out.splitlines()[1].split() == ["1", "0.000000", "a/copy.png"]
    assert fext(made, "search", "full", image, "--csv", tmp_path / "x.csv")[0] == 0
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["rank", "distance", "path"] and len(rows) == 10


@pytest.mark.parametrize("name", ["full", "half"])
def test_another_image_is_encoded_as_the_folder_was(made, fext, tmp_path, name):
    images = open_encoding(made.inference / name).images
    with Image.open(images / "b" / "001.png") as image:
        image.save(tmp_path / "other \udcff.bmp")  # the same pixels in another file
    code, out, _ = fext(made, "search", name, tmp_path / "other \udcff.bmp", "--json", "--metric", "euclidean")
    assert code == 0
    path, distance = found(out)[0]
    scale = float(np.linalg.norm(open_encoding(made.inference / name).vectors[1].astype(float)))
    assert path == "b/001.png" and distance < (2e-3 if name == "half" else 1e-5) * scale


def test_a_copy_elsewhere_finds_the_original_without_torch(made, tmp_path):
    images = open_encoding(made.inference / "full").images
    shutil.copy(images / "b" / "003.png", tmp_path / "elsewhere.png")
    code = (
        "import sys; from fext_engine.cli import main; "
        f"main(['search', 'full', {str(tmp_path / 'elsewhere.png')!r}, '--json', '--resources', {str(made.root)!r}]); "
        "print(*sys.modules, file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found(done.stdout)[0] == ("b/003.png", 0.0)
    assert not {name.split(".")[0] for name in done.stderr.split()} & {"torch", "scipy", "matplotlib", "cv2"}


def test_what_stands_in_the_way_is_told_in_one_line(workspace, fext, tmp_path):
    images = open_encoding(workspace.inference / "full").images
    for image, said in (
        (tmp_path / "none.png", "cannot be searched for: unreadable, the file is not there"),
        (images / "broken.png", "cannot be searched for: empty, the file has no bytes"),
        (workspace.inference / "full" / "rows.csv", "cannot be searched for: not_an_image"),
    ):
        code, out, err = fext(workspace, "search", "full", image)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert said in err
    Image.new("RGB", (9, 9)).save(tmp_path / "black.png")
    assert fext(workspace, "search", "none", tmp_path / "black.png")[0] == 1
    assert fext(workspace, "search", "full", tmp_path / "black.png", "--top", "10001")[0] == 2
    assert fext(workspace, "search", "full")[0] == 2
    assert fext(workspace, "search", "full", tmp_path / "black.png", "--duplicates")[0] == 2
    assert fext(workspace, "search", "full", tmp_path / "black.png", "--threshold", "1")[0] == 2

    # The weights of the encoding are kept among the run's others, then pruned, then the whole run is gone.
    resume(workspace, epochs=1, training__keep_last=1)
    assert fext(workspace, "search", "full", tmp_path / "black.png")[0] == 0
    shutil.rmtree(workspace.run("r") / "epochs" / "0001")
    code, _, err = fext(workspace, "search", "full", tmp_path / "black.png")
    assert code == 1
    assert "the weights that made full (epoch 1 of r) are not among the run's checkpoints any more; encode" in err
    shutil.rmtree(workspace.run("r"))
    code, _, err = fext(workspace, "search", "full", tmp_path / "black.png")
    assert code == 1
    assert "full was made with the run r, which is not in" in err
    assert fext(workspace, "search", "full", images / "a" / "000.png")[0] == 0


def test_images_that_moved_are_still_found_by_their_content(workspace, fext):
    moved = workspace.root / "moved"
    manifest = workspace.inference / "full" / "manifest.json"
    document = json.loads(manifest.read_text())
    shutil.copytree(document["images"], moved)
    manifest.write_text(json.dumps(document | {"images": "/gone/a"}))
    code, out, err = fext(workspace, "search", "full", moved / "a" / "000.png", "--json")
    assert (code, err) == (0, "the encoded folder /gone/a is gone; paths are as they were in it\n")
    assert found(out)[:2] == [("a/000.png", 0.0), ("a/copy.png", 0.0)]


def test_near_duplicates_are_listed_in_groups(made, fext):
    code, out, err = fext(made, "search", "full", "--duplicates", "--json", "--threshold", "0")
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {"group": 1, "distance": 0.0, "path": "a/000.png"}, {"group": 1, "distance": 0.0, "path": "a/copy.png"},
    ]  # fmt: skip
    code, out, err = fext(made, "search", "full", "--duplicates")
    assert code == 0 and err.startswith("duplicates are up to ")


def test_a_map_by_split_looks_up_the_run(made, fext):
    run_here(
        made, "encode", small_settings(),
        {"run": "r", "input": str(made.images), "output": str(made.inference / "trained")},
    )  # fmt: skip
    from fext_engine.latents.splits import splits_of

    splits = splits_of(open_encoding(made.inference / "trained"), made)
    assert (splits.count("train"), splits.count("validation")) == (6, 2)
    code, out, _ = fext(made, "map", "trained", "--colour", "split", "--output", made.root / "split.png")
    assert code == 0 and "x variance" in out
    assert (made.root / "split.png").stat().st_size > 1000
    code, _, err = fext(made, "probe", "trained")
    assert (code, err.count("\n")) == (1, 1) and "classes of 10 images or more: 0" in err


def test_a_job_finds_what_the_command_finds(made, fext, tmp_path):
    other = tmp_path / "other [b]\n.png"
    Image.new("RGB", (30, 26), "blue").save(other)
    arguments = {"encoding": escape_name(str(made.inference / "full")), "image": escape_name(str(other)), "top": 5}
    summary = run_here(made, "search", small_settings(), arguments)
    with Path(unescape_name(summary["results"])).open(newline="", encoding="utf-8") as file:
        lines = [(line["path"], float(line["distance"])) for line in csv.DictReader(file)]
    code, out, _ = fext(made, "search", "full", other, "--json", "--top", 5)
    assert code == 0 and lines == [(path, pytest.approx(distance)) for path, distance in found(out)]
    with pytest.raises(FextError, match="cannot be searched for"):
        run_here(made, "search", small_settings(), arguments | {"image": str(made.inference / "broken.png")})
