"""The whole way, from images to vectors, through a folder of everything that breaks tools, and through photos."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from hostile import build_hostile_folder
from tiny_training import make_workspace, small_settings, train

from fext_engine.jobs.run import run_here
from fext_engine.settings import Settings
from fext_engine.training.history import read_history
from fext_engine.training.run_folder import RunFolder, read_split


def test_a_hostile_folder_is_trained_on_evaluated_and_encoded(tmp_path):
    workspace = make_workspace(tmp_path / "ws", 0)
    expected = build_hostile_folder(workspace.images)
    broken = {path: status for path, status in expected.items() if status != "ok"}
    said = []
    run = train(workspace, on_event=said.append, training__epochs=1, dataset__validation_size=0.3)
    assert {r.path for r in read_split(run)} == expected.keys() - broken.keys()
    with run.left_out.open(newline="") as file:
        assert {row["path"]: row["status"] for row in csv.DictReader(file)} == broken
    assert all(json.loads(event.to_json()) for event in said)

    run_here(workspace, "resume", small_settings(), {"run": "r", "epochs": 1})
    assert len(read_history(run.history)) == 2
    run_here(workspace, "evaluate", small_settings(), {"run": "r"})

    arguments = {"run": "r", "input": str(workspace.images), "output": str(tmp_path / "out")}
    run_here(workspace, "encode", small_settings(), arguments)
    with (tmp_path / "out" / "rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"]: row["status"] for row in rows} == expected
    assert len(np.load(tmp_path / "out" / "latents.npy", mmap_mode="r")) == len(expected) - len(broken)


@pytest.mark.photos
def test_photos_from_training_to_vectors(tmp_path, photos, capsys):
    """Redux at 64 px learns from photographs, and a resumed run learns further."""
    workspace = make_workspace(tmp_path, 0)
    values = {
        "dataset.images": str(photos), "dataset.image_height": 64, "dataset.image_width": 64,
        "training.epochs": 2, "schedule.warmup_steps": 10, "schedule.initial_lr": 2e-3,
    }  # fmt: skip
    settings = Settings().with_options(values)
    run_here(workspace, "train", settings, {"name": "photos"})
    run_here(workspace, "resume", settings, {"run": "photos", "epochs": 2})
    history = read_history(RunFolder(workspace.run("photos")).history)
    with capsys.disabled():
        for record in history:
            print(f"\n{record}", end="")
    assert history[3].val_mae < 0.8 * history[0].val_mae
    metrics = run_here(workspace, "evaluate", settings, {"run": "photos"})
    assert metrics["mae"] == pytest.approx(min(r.val_mae for r in history), rel=1e-3)
    summary = run_here(workspace, "encode", settings, {"run": "photos", "input": str(photos)})
    assert summary["shape"] == [summary["encoded"], 2 * 2 * 256]
    assert summary["broken"] == 0
