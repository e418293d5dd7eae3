"""How well `fext anomalies` finds defects: of two drawn products, and faults of real photographs.

FEXT_EPOCHS is how long each Redux of 64 px trains: 20 for the figures of the documentation, a minute or two each.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from defects import DEFECTS, GROSS, make_photos, make_product

from fext_engine.jobs.run import run_here
from fext_engine.latents.anomaly.results import SCORES, Anomalies, read_anomalies
from fext_engine.presets import read_settings
from fext_engine.workspace import Workspace

pytestmark = pytest.mark.benchmark
EPOCHS = int(os.environ.get("FEXT_EPOCHS", "20"))


def look_for_anomalies(workspace: Workspace, data: Path) -> Anomalies:
    """Train on the good images of `train`, encode the whole folder, score it."""
    preset = Path(__file__).resolve().parents[2] / "resources" / "configurations" / "quick.toml"
    changes = {
        "dataset.images": str(data / "train"), "device.device": "cpu", "training.epochs": EPOCHS, "training.batch_size": 16,
    }  # fmt: skip
    settings = read_settings(preset).with_options(changes)
    folder = workspace.root / "encoding"
    run_here(workspace, "train", settings, {"name": "r"})
    run_here(workspace, "encode", settings, {"run": "r", "input": str(data), "output": str(folder)})
    run_here(workspace, "anomalies", settings, {"encoding": str(folder), "heat_maps": True})
    return read_anomalies(folder / "anomalies")


def show(title: str, found: Anomalies, kinds: tuple[str, ...]) -> dict[tuple[str, str], float]:
    """Print AUROC of every score and kind, the pixels', and the shares that were flagged; return the AUROC."""
    areas = {(d.score, d.kind): d.auroc or 0.0 for d in found.summary.detection}
    pixels = {d.kind: f"{d.auroc:.3f}" for d in found.summary.pixel_detection}
    tested = [line for line in found.ranked if line.path.startswith("test/")]
    flagged = {
        kind: f"{sum(li.flagged for li in tested if li.label == kind) / sum(li.label == kind for li in tested):.2f}"
        for kind in ("good", *kinds)
    }
    print(f"\n{title}: {found.summary.reference.images} normal, {found.summary.reference.calibrated} of them calibrate")
    print("AUROC        " + "".join(f"{kind:>10}" for kind in (*kinds, "all")))
    for name in (*SCORES, "score"):
        print(f"{name:<13}" + "".join(f"{areas[name, kind]:10.3f}" for kind in (*kinds, "all")))
    print("pixels       " + "".join(f"{pixels.get(kind, '-'):>10}" for kind in (*kinds, "all")))
    print("flagged      " + "".join(f"{flagged[kind]:>10}" for kind in kinds) + f"   good {flagged['good']}")
    return areas


@pytest.mark.parametrize("name", ["fabric", "plate"])
def test_defects_of_a_product(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(tmp_path / "ws")
    workspace.create()
    found = look_for_anomalies(workspace, make_product(tmp_path / name, name, 250, 60, 30))
    with capsys.disabled():
        areas = show(name, found, tuple(DEFECTS))
    assert areas["score", "all"] > 0.9
    assert all(areas["score", kind] > 0.95 for kind in ("scratch", "blob", "missing"))
    assert {d.kind: d.auroc for d in found.summary.pixel_detection}["all"] > 0.95


def test_faults_of_photographs(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(tmp_path / "ws")
    workspace.create()
    found = look_for_anomalies(workspace, make_photos(tmp_path / "photos", photos, 250))
    with capsys.disabled():
        areas = show("photos", found, (*DEFECTS, *GROSS))
    assert all(areas["score", kind] > 0.8 for kind in ("far_blur", "drawing"))
