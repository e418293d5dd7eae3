"""From images to latent vectors by the commands a user types, each in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fext_engine.jobs.events import parse_event
from fext_engine.jobs.folder import read_pid
from fext_engine.paths import escape_name
from fext_engine.workspace import Workspace

ROOT = Path(__file__).parents[2]
BROKEN = ("empty.jpg", "text.jpg", "cut\n[red].jpg")
posix = pytest.mark.skipif(os.name == "nt", reason="signals and names of POSIX")
pytestmark = posix


def small_images(folder: Path) -> Path:
    """Forty-one good images in two classes, and three broken ones."""
    rng = np.random.default_rng(7)
    for name in ("a", "[b]"):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = np.kron(rng.integers(0, 256, (5, 6, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
            Image.fromarray(pixels).save(folder / name / f"{number}.{'png' if number % 2 else 'jpg'}")
    Image.fromarray(pixels).save(os.fsencode(folder) + b"/\xff.png", format="PNG")
    whole = (folder / "a" / "0.jpg").read_bytes()
    for name, content in zip(BROKEN, (b"", b"no image at all" * 20, whole[: len(whole) // 2]), strict=True):
        (folder / name).write_bytes(content)
    return folder


class Fext:
    """The command line on one resources folder, at 32 pixels."""

    def __init__(self, place: Path) -> None:
        self.images = small_images(place / "images")
        self.workspace = Workspace(place / "resources")
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FEXT_RESOURCES": str(self.workspace.root),
            "FEXT_DATASET__IMAGE_HEIGHT": "32",
            "FEXT_DATASET__IMAGE_WIDTH": "32",
            "FEXT_TRAINING__BATCH_SIZE": "8",
            "FEXT_DEVICE__NUM_WORKERS": "1",
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *arguments) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "fext_engine", *map(str, arguments)], env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def __call__(self, *arguments, code=0) -> str:
        process = self.start(*arguments)
        out, self.err = process.communicate(timeout=120)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{out}\n{self.err}"
        assert "Traceback" not in out + self.err
        return out

    def history(self, run: str) -> list[dict[str, str]]:
        with (self.workspace.run(run) / "history.csv").open() as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def fext(tmp_path_factory) -> Fext:
    """With one run, `first`, trained for two epochs."""
    fext = Fext(tmp_path_factory.mktemp("pipeline"))
    fext.trained = fext("train", "--images", fext.images, "--name", "first", "--epochs", 2)
    return fext


def test_train_leaves_a_run_and_names_the_broken_files(fext):
    run = fext.workspace.run("first")
    for name in ("configuration.toml", "history.csv", "split.csv", "best", "last", "samples/epoch_0002.png"):
        assert (run / name).exists(), name
    assert [row["epoch"] for row in fext.history("first")] == ["1", "2"]
    assert list(run.glob("epochs/0002/*.safetensors"))
    for name in BROKEN:
        assert f"{escape_name(name)} is left out" in fext.trained
    assert str(run) in fext.trained
    assert "epoch 2 of 2" in fext.trained
    assert "first" in fext("runs")


def test_resume_trains_on_by_the_runs_own_configuration(fext):
    environment = fext.environment
    fext.environment = {k: v for k, v in environment.items() if "IMAGE_" not in k and "BATCH" not in k}
    try:
        out = fext("resume", "first", "--epochs", 1)
    finally:
        fext.environment = environment
    assert "epoch 3 of 3" in out
    assert [row["epoch"] for row in fext.history("first")] == ["1", "2", "3"]


def test_evaluate_leaves_a_report_and_figures(fext):
    out = fext("evaluate", "fir")
    folder = fext.workspace.run("first") / "evaluation"
    report = json.loads((folder / "report.json").read_text())
    for metric in ("mse", "mae", "psnr", "ssim", "cosine"):
        assert metric in json.dumps(report)
        assert metric in out
    assert len(list(folder.glob("*.png"))) >= 2


def test_encode_leaves_vectors_rows_and_a_manifest(fext, tmp_path):
    fext("encode", "latest", "--input", fext.images, "--output", tmp_path / "vectors")
    vectors = np.load(tmp_path / "vectors" / "latents.npy", mmap_mode="r")
    with (tmp_path / "vectors" / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    good = [row for row in rows if row["status"] == "ok"]
    assert len(vectors) == len(good) == 41
    assert [int(row["row"]) for row in good] == list(range(41))
    bad = {row["path"]: row["status"] for row in rows if row["status"] != "ok"}
    assert bad == {"empty.jpg": "empty", "text.jpg": "not_an_image", escape_name(BROKEN[2]): "truncated"}
    assert r"\xff.png" in {row["path"] for row in good}
    manifest = json.loads((tmp_path / "vectors" / "manifest.json").read_text())
    assert manifest["run"] == "first"
    assert "vectors is up to date" in fext("encode", "latest", "--input", fext.images, "--output", tmp_path / "vectors")
    other = ("--set", "inference.pooling=mean")
    fext("encode", "latest", "--input", fext.images, "--output", tmp_path / "vectors", *other, code=1)
    assert fext.err.count("\n") == 1


def test_analyze_leaves_a_report_in_json_events(fext):
    events = [parse_event(line) for line in fext("analyze", "--images", fext.images, "--json").splitlines()]
    assert events[-1].kind == "finished"
    (report,) = fext.workspace.validation.iterdir()
    assert list(report.glob("*.png"))
    assert any(escape_name(BROKEN[2]) in str(e.data.get("message")) for e in events if e.kind == "log")


def test_a_generated_dataset_can_be_analyzed(fext, tmp_path):
    fext("sample", "--output", tmp_path / "sample")
    fext("analyze", "--images", tmp_path / "sample", "--sample-size", "0.2")


def test_an_empty_folder_fails_each_verb_in_one_line(fext, tmp_path):
    for arguments in (
        ("analyze", "--images", tmp_path),
        ("train", "--images", tmp_path),
        ("encode", "first", "--input", tmp_path),
        ("train", "--images", tmp_path / "none"),
    ):
        fext(*arguments, code=1)
        assert fext.err.count("\n") == 1
        assert "; " in fext.err


def test_ctrl_c_in_training_is_130_and_resume_goes_on(fext):
    process = fext.start("train", "--images", fext.images, "--name", "stopped", "--epochs", 1000)
    for line in process.stdout:
        if line.startswith("epoch 2 "):
            break
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.count("\n") == 1
    done = len(fext.history("stopped"))
    assert done >= 2
    fext("resume", "stopped", "--epochs", 1)
    assert [int(row["epoch"]) for row in fext.history("stopped")] == list(range(1, done + 2))


def test_a_detached_job_that_is_killed_is_told_and_its_run_goes_on(fext):
    out = fext("train", "--images", fext.images, "--name", "killed", "--epochs", 1000, "--detach")
    job = fext.workspace.jobs / out.strip()
    follower = fext.start("jobs", "follow", job.name)
    for line in follower.stdout:
        if line.startswith("epoch 2 "):
            break
    os.kill(read_pid(job), signal.SIGKILL)
    _, err = follower.communicate(timeout=60)
    assert follower.returncode == 1
    assert "died without a word" in err
    assert '"state": "died"' in fext("jobs", "--json")
    done = len(fext.history("killed"))
    fext("resume", "killed", "--epochs", 1)
    assert [int(row["epoch"]) for row in fext.history("killed")] == list(range(1, done + 2))
