"""Exporting a run: what others load without FeXT gives what FeXT gives, and refuses what it was not made for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import build_hostile_folder, encode, orientation, picture
from PIL import Image
from tiny_training import ask_to_stop, make_workspace, small_settings, train

from fext_engine.errors import FextError, JobStopped
from fext_engine.export import onnx_format, safetensors_format
from fext_engine.export.formats import FORMATS
from fext_engine.export.parity import load_code
from fext_engine.export.subject import Subject
from fext_engine.images.decode import decode_resized
from fext_engine.images.scan import image_path
from fext_engine.jobs.run import run_here
from fext_engine.training.batches import to_float
from fext_engine.training.checkpoints import load_model
from fext_engine.training.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
HEIGHT, WIDTH = 24, 16
needs_onnx = pytest.mark.skipif(bool(FORMATS["onnx"].missing), reason="the extra onnx is not installed")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    workspace = make_workspace(tmp_path_factory.mktemp("export"))
    train(workspace, training__epochs=1)
    return workspace


@pytest.fixture(scope="module")
def model(workspace):
    return load_model(RunFolder(workspace.run("r")), torch.device("cpu")).model


@pytest.fixture(scope="module")
def photos_made(tmp_path_factory):
    """A large JPEG, which is reduced while it is decoded, one that was held upright, and a transparent PNG."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "large.jpg").write_bytes(encode(picture(1, 300, 500), "JPEG"))
    (folder / "turned.jpg").write_bytes(encode(picture(2, 300, 500), "JPEG", exif=orientation(6)))
    alpha = np.full((40, 60, 1), 100, np.uint8)
    (folder / "alpha.png").write_bytes(encode(np.dstack([picture(3, 40, 60), alpha]), "PNG"))
    return [folder / name for name in ("large.jpg", "turned.jpg", "alpha.png")]


def export(workspace, name="safetensors", on_event=None, **arguments):
    """Export the run and return the folder and the job's summary."""
    given = {"run": "r", "format": name, **arguments}
    summary = run_here(workspace, "export", small_settings(), given, on_event)
    return Path(summary["folder"]), summary


def reference(model, files):
    """FeXT's own pixels (N, H, W, C) of the files, its latents and reconstructions (N, C, H, W)."""
    pixels = np.stack([decode_resized(file, HEIGHT, WIDTH) for file in files])
    with torch.inference_mode():
        latents = model.encode(to_float(torch.from_numpy(pixels)))
        return pixels, latents, model.decode(latents)


def others_use(folder, script, *arguments):
    """Run a script in the folder, as somebody would who has no FeXT."""
    block = "import sys; sys.modules.update(dict.fromkeys(('fext_engine', 'fext_tui', 'textual')))\n"
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", block + script, *map(str, arguments)],
        cwd=folder, env=clean, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


SCRIPT = """
import numpy as np
images = torch.cat([load_image(path) for path in sys.argv[2:]])
with torch.inference_mode():
    latents = model.encode(images)
    np.savez(sys.argv[1], images=images, latents=latents, again=model.decode(latents), example=reconstructions)
for wrong in (images[:, :, :-1], images[:, :1], (images * 255).byte(), images[0]):
    try: model(wrong); print("accepted")
    except ValueError as error: print(error)
"""


def test_safetensors_is_the_model_without_fext(workspace, model, photos_made, tmp_path):
    folder, summary = export(workspace)
    assert folder == workspace.run("r") / "exports" / "safetensors-0001"
    assert {file.name for file in folder.iterdir()} == {"model.safetensors", "model.py", "config.json", "README.md"}
    assert "fext_engine" not in (folder / "model.py").read_text()
    folder = shutil.copytree(folder, tmp_path / "given away")
    shutil.copy(photos_made[0], folder / "photo.jpg")  # as the example in the README calls it
    example = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert len(example.splitlines()) <= 10
    refused = others_use(folder, example + SCRIPT, tmp_path / "out.npz", *photos_made)
    assert refused.splitlines() == [
        f"the model takes float images (N, 3, 24, 16), not torch.{kind} {shape}"
        for kind, shape in (
            ("float32", "(3, 3, 23, 16)"), ("float32", "(3, 1, 24, 16)"), ("uint8", "(3, 3, 24, 16)"),
            ("float32", "(3, 24, 16)"),
        )
    ]  # fmt: skip
    given, (pixels, latents, again) = np.load(tmp_path / "out.npz"), reference(model, photos_made)
    assert np.array_equal(given["images"], to_float(torch.from_numpy(pixels)))
    assert given["latents"] == pytest.approx(latents.numpy(), abs=1e-6)
    assert given["again"] == pytest.approx(again.numpy(), abs=1e-6)
    assert given["example"] == pytest.approx(again[:1].numpy(), abs=1e-6)
    assert summary["encoder_difference"] <= 1e-6 and summary["autoencoder_difference"] <= 1e-6


def test_config_says_what_the_model_takes_and_how_it_was_checked(workspace):
    folder, summary = export(workspace)
    config = json.loads((folder / "config.json").read_text())
    run = RunFolder(workspace.run("r"))
    digests = json.loads((run.pointed("best") / "state.json").read_text())["digests"]
    assert config["checkpoint"] == {"epoch": 1, "digest": "sha256:" + digests["weights.safetensors"]}
    assert config["latent_shape"] == [1, 1, 256]
    assert config["inputs"] == "images: float32 (N, 3, 24, 16) in [0, 1], N of any size"
    assert config["preprocessing"]["height"] == 24 and "EXIF" in config["preprocessing"]["orientation"]
    assert config["parity"]["images"] == "4 validation images"
    assert config["files"]["model.safetensors"]["bytes"] == (folder / "model.safetensors").stat().st_size
    assert str(workspace.root) not in "".join(p.read_text() for p in folder.iterdir() if p.suffix != ".safetensors")
    assert summary.get("up_to_date") or summary["size_bytes"] > 1e6


def test_image_files_are_read_as_fext_reads_them(workspace, tmp_path):
    code = load_code(export(workspace)[0] / "model.py")
    statuses = build_hostile_folder(tmp_path)
    statuses |= dict.fromkeys(("large.jpg", "turned.jpg", "late.png"), "ok")
    (tmp_path / "large.jpg").write_bytes(encode(picture(1, 300, 500), "JPEG"))
    (tmp_path / "turned.jpg").write_bytes(encode(picture(2, 300, 500), "JPEG", exif=orientation(8)))
    (tmp_path / "late.png").write_bytes(encode(picture(2), "PNG", exif=orientation(3)))
    for path, status in statuses.items():
        file = image_path(tmp_path, path)
        if status == "ok":
            for channels in (1, 3):
                ours = decode_resized(file, HEIGHT, WIDTH, channels == 1)
                assert np.array_equal(code.load_pixels(file, HEIGHT, WIDTH, channels)[0], ours), path
        elif file.is_file():  # not the pipe, which would be waited for
            with pytest.raises((OSError, SyntaxError, ValueError, Image.DecompressionBombError)):
                code.load_pixels(file, HEIGHT, WIDTH, 3)


def check_graph(run, pixels, expected):
    """`run` gives what the model gives, for any batch, and nothing for images of another kind."""
    for count in (1, 2, len(pixels)):
        wanted = expected[:count].permute(0, 2, 3, 1).numpy()
        assert run(pixels[:count]) == pytest.approx(wanted, abs=1e-5)
    for wrong in (pixels[:, :-1], pixels[:, :, 1:], pixels[..., :1], pixels.astype(np.float32) / 255, pixels[0]):
        with pytest.raises(Exception, match=r"(?i)guard|dimension|mismatch|type|rank"):
            run(np.ascontiguousarray(wrong))


def run_onnx(file):
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    return lambda pixels: session.run(None, {"images": pixels})[0]


def run_torch(file):
    graph = torch.export.load(file).module()
    return lambda pixels: graph(torch.from_numpy(pixels)).detach().numpy()


def names_no_place_here(file):
    data = file.read_bytes()
    return not any(str(place).encode() in data for place in (ROOT, Path(torch.__file__).parent))


@needs_onnx
def test_a_graph_of_onnx_gives_what_the_encoder_gives(workspace, model, photos_made, tmp_path, capfd):
    import onnx

    run = RunFolder(workspace.run("r"))
    subject = Subject("r", load_model(run, torch.device("cpu")), np.zeros((2, 24, 16, 3), np.uint8), (), "")
    assert next(onnx_format.write(tmp_path, subject, {"inputs": "bytes"})) == "encoder.onnx"
    assert capfd.readouterr() == ("", ""), "torch and onnx keep quiet"
    file = tmp_path / "encoder.onnx"
    pixels, latents, _ = reference(model, photos_made)
    check_graph(run_onnx(file), pixels, latents)
    document = onnx.load(file)
    assert [(entry.key, entry.value) for entry in document.metadata_props] == [("inputs", "bytes")]
    assert document.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [(i.domain, i.version) for i in document.opset_import] == [("", 18)]
    assert names_no_place_here(file)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torch", pytest.param("onnx", marks=needs_onnx)])
def test_graphs_give_what_the_model_gives(workspace, model, photos_made, name):
    suffix, run = {"torch": (".pt2", run_torch), "onnx": (".onnx", run_onnx)}[name]
    folder, summary = export(workspace, name)
    assert {file.name for file in folder.iterdir()} == {
        f"encoder{suffix}", f"autoencoder{suffix}", "preprocess.py", "config.json", "README.md"
    }  # fmt: skip
    pixels, latents, again = reference(model, photos_made)
    for part, expected in {"encoder": latents, "autoencoder": again}.items():
        check_graph(run(folder / f"{part}{suffix}"), pixels, expected)
        assert names_no_place_here(folder / f"{part}{suffix}")
    sizes = [(folder / f"{part}{suffix}").stat().st_size for part in ("encoder", "autoencoder")]
    assert sizes[0] < 0.7 * sizes[1], "an encoder without the decoder's weights"
    assert 0 <= summary["autoencoder_difference"] < 1e-5
    shutil.copy(photos_made[0], folder / "photo.jpg")
    example = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert others_use(folder, example + "print(latents.dtype, tuple(latents.shape))").endswith("float32 (1, 1, 1, 256)\n")


def test_what_is_there_already_is_left_when_it_is_whole_and_never_written_over(workspace):
    folder, _ = export(workspace)
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert export(workspace)[1]["up_to_date"]
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    whole = (folder / "model.safetensors").read_bytes()
    for damaged in (whole[:-1], whole[:-1] + b"x"):
        (folder / "model.safetensors").write_bytes(damaged)
        with pytest.raises(FextError, match=r"exists already, and is no whole export.*remove it"):
            export(workspace)
    (folder / "model.safetensors").write_bytes(whole)
    with pytest.raises(FextError, match="exists already"):
        export(workspace, output=str(workspace.images))


def test_a_model_that_came_out_otherwise_is_not_kept(workspace, tmp_path, monkeypatch):
    def damage(tensors, about):
        tensors["encoder.stem.bias"] = tensors["encoder.stem.bias"] + 0.1
        return save(tensors, about)

    save = safetensors_format.save
    monkeypatch.setattr(safetensors_format, "save", damage)
    with pytest.raises(FextError, match=r"the exported encoder differs from the run's model by up to .*nothing was kept"):
        export(workspace, output=str(tmp_path / "out"))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_behind(workspace, tmp_path):
    resource = pytest.importorskip("resource")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, unlimited[1]))  # the weights are larger than a file may be
    try:
        with pytest.raises(FextError, match="free some space"):
            export(workspace, output=str(tmp_path / "out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert not list(tmp_path.iterdir())


def test_a_stop_leaves_nothing_behind(workspace, tmp_path):
    def stop(event):
        if event.kind == "progress":
            ask_to_stop()

    with pytest.raises(JobStopped, match="nothing was kept"):
        export(workspace, on_event=stop, output=str(tmp_path / "out"))
    assert not list(tmp_path.iterdir())


def test_without_the_runs_images_it_is_checked_on_generated_ones(workspace, tmp_path):
    said = []
    workspace.images.rename(tmp_path / "away")
    try:
        folder, _ = export(workspace, on_event=said.append, output=str(tmp_path / "out"))
    finally:
        (tmp_path / "away").rename(workspace.images)
    assert json.loads((folder / "config.json").read_text())["parity"]["images"] == "4 generated pictures"
    warnings = [event.data["message"] for event in said if event.data.get("level") == "warning"]
    assert len(warnings) == 1 and "checked on generated pictures" in warnings[0]
    told = [event.data["message"] for event in said if event.kind == "log"]
    assert any(line.startswith("model.safetensors: ") and line.endswith(" bytes") for line in told)
    assert any("latents" in line and "differ by" in line for line in told)
    assert "    model = load_model()" in told


def test_faults_of_the_user_are_named(workspace, monkeypatch):
    with pytest.raises(FextError, match="no export format 'keras'; use one of safetensors, onnx, torch"):
        export(workspace, "keras")
    monkeypatch.setattr("fext_engine.export.formats.find_spec", lambda name: None)
    with pytest.raises(FextError, match=r"needs onnx, onnxruntime, onnxscript, .*pip install onnx onnxruntime onnxscript"):
        export(workspace, "onnx")
    (workspace.checkpoints / "empty").mkdir()
    with pytest.raises(FextError, match="no checkpoint yet"):
        export(workspace, run="empty")


def test_a_grey_model_is_exported_too(tmp_path):
    workspace = make_workspace(tmp_path, 8)
    train(workspace, training__epochs=1, dataset__grayscale=True)
    folder, summary = export(workspace)
    assert load_code(folder / "model.py").load_image(workspace.images / "a" / "000.png").shape == (1, 1, 24, 16)
    assert summary["autoencoder_difference"] <= 1e-6
