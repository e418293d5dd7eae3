"""Evaluating a run: the report, the table and the figures."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from tiny_training import ask_to_stop, make_images, make_workspace, small_settings, train

from fext_engine.errors import FextError, JobStopped
from fext_engine.evaluation.embeddings import principal_components
from fext_engine.images.decode import decode_resized
from fext_engine.images.scan import image_path
from fext_engine.jobs.run import run_here
from fext_engine.training.batches import to_float
from fext_engine.training.checkpoints import load_model
from fext_engine.training.run_folder import RunFolder, read_split


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    workspace = make_workspace(tmp_path_factory.mktemp("evaluation"), 0)
    make_images(workspace.images, 24)
    (workspace.images / "a" / "000.png").rename(workspace.images / "a" / "$x_{[red]}\n.png")
    train(workspace, training__epochs=3)
    run_here(workspace, "evaluate", small_settings(inference__num_evaluation_images=3), {"run": "r"})
    return workspace


def evaluation(workspace):
    return RunFolder(workspace.run("r")).evaluation


def test_the_report_the_table_and_the_figures_are_there(workspace):
    names = {p.name for p in evaluation(workspace).iterdir()}
    assert names == {
        "report.json", "images.csv", "reconstructions.png", "worst.png",
        "embeddings_by_split.png", "embeddings_by_class.png",
    }  # fmt: skip
    for figure in evaluation(workspace).glob("*.png"):
        with Image.open(figure) as image:
            assert min(image.size) > 400
            assert np.asarray(image.convert("L")).std() > 5
    assert not [p for p in workspace.run("r").iterdir() if p.name.startswith(".")]


def test_the_figures_of_each_image_are_those_of_the_best_weights(workspace):
    run = RunFolder(workspace.run("r"))
    loaded = load_model(run, torch.device("cpu"))
    assert f"{loaded.epoch:04d}" == run.pointed("best").name
    with (evaluation(workspace) / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [r.path for r in read_split(run) if r.split == "validation"]
    for row in rows:
        pixels = decode_resized(image_path(workspace.images, row["path"]), 24, 16, False)
        with torch.inference_mode():
            images = to_float(torch.from_numpy(pixels[None].copy()))
            output = loaded.model(images)
        wanted = peak_signal_noise_ratio(images.numpy(), output.numpy(), data_range=1)
        assert float(row["psnr"]) == pytest.approx(wanted, abs=1e-3)


def test_the_report_sums_up_the_table_and_ranks_the_images(workspace):
    report = json.loads((evaluation(workspace) / "report.json").read_text())
    with (evaluation(workspace) / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name, mean in report["mean"].items():
        assert mean == pytest.approx(np.mean([float(row[name]) for row in rows]))
    ranked = [row["path"] for row in sorted(rows, key=lambda row: float(row["mse"]))]
    assert report["best"] == ranked[:5]
    assert report["worst"] == ranked[::-1][:5]
    assert 0 < sum(report["embedding_variance"]) <= 1.0001


def test_evaluating_again_replaces_what_was_there(workspace):
    stale = evaluation(workspace) / "stale.txt"
    stale.write_text("x")
    summary = run_here(workspace, "evaluate", small_settings(), {"run": "latest"})
    assert not stale.exists()
    assert summary["run"] == "r"
    assert 0 < summary["ssim"] < 1


def test_a_stop_leaves_the_older_evaluation_alone(workspace):
    def stop(event):
        if event.kind == "progress":
            ask_to_stop()

    before = (evaluation(workspace) / "report.json").read_bytes()
    with pytest.raises(JobStopped):
        run_here(workspace, "evaluate", small_settings(inference__batch_size=1), {"run": "r"}, stop)
    assert (evaluation(workspace) / "report.json").read_bytes() == before


def test_a_broken_validation_image_is_left_out_and_none_at_all_is_an_error(tmp_path):
    workspace = make_workspace(tmp_path)
    run = train(workspace, training__epochs=1)
    validation = [image_path(workspace.images, r.path) for r in read_split(run) if r.split == "validation"]
    validation[0].write_bytes(b"")
    said = []
    run_here(workspace, "evaluate", small_settings(), {"run": "r"}, said.append)
    assert any("empty" in e.data.get("message", "") for e in said)
    assert len((run.evaluation / "images.csv").read_text().splitlines()) == len(validation)
    for path in validation:
        path.unlink(missing_ok=True)
    with pytest.raises(FextError, match="none of the validation images"):
        run_here(workspace, "evaluate", small_settings(), {"run": "r"})


def test_a_run_that_does_not_exist_or_has_learned_nothing_is_refused(workspace):
    with pytest.raises(FextError, match="no run called"):
        run_here(workspace, "evaluate", small_settings(), {"run": "nothing"})
    workspace.run("empty").mkdir()
    with pytest.raises(FextError, match="no checkpoint"):
        run_here(workspace, "evaluate", small_settings(), {"run": "empty"})


def test_principal_components_explain_what_they_say():
    rng = np.random.default_rng(0)
    data = (rng.normal(size=(500, 3)) * [3, 1, 0]).astype(np.float32) @ rng.normal(size=(3, 8)).astype(
        np.float32
    )
    points, variance = principal_components(data)
    assert points.var(0).sum() == pytest.approx(data.var(0).sum(), rel=1e-4)
    assert sum(variance) == pytest.approx(1, abs=1e-6)
    assert variance[0] > variance[1]
    _, alike = principal_components(np.ones((4, 3), np.float32))
    assert alike == [0, 0]
