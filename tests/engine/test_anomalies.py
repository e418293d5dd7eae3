"""The verb `anomalies`: every file accounted for, scores as computed directly, and faults that are named."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.covariance import LedoitWolf
from sklearn.metrics import average_precision_score, roc_auc_score
from tiny_training import ask_to_stop, make_workspace, plant_broken_files, small_settings, train

from fext_engine.cli import main
from fext_engine.errors import FextError, JobStopped
from fext_engine.images.decode import decode_resized
from fext_engine.images.scan import scan
from fext_engine.jobs.run import run_here
from fext_engine.latents.anomaly.results import SCORES, read_anomalies
from fext_engine.latents.encoding import open_encoding
from fext_engine.model.metrics import image_metrics
from fext_engine.training.batches import to_float
from fext_engine.training.checkpoints import load_model
from fext_engine.training.run_folder import RunFolder, read_split

SQUARE = (slice(3, 11), slice(3, 11))
"""Where the defect is, in pixels of 24 x 16."""


def draw(folder: Path, count: int, seed: int, spoil=None) -> None:
    """Slanted shades of one colour, each with grain of its own."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :16]
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        shade = 90 + 3 * x + 2 * y + rng.normal(0, 4)
        pixels = np.clip(shade[..., None] * (1, 0.8, 0.6) + rng.normal(0, 3, (24, 16, 3)), 0, 255)
        if spoil:
            spoil(pixels)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i:03d}.png")


def dent(pixels) -> None:
    pixels[SQUARE] = 20


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """A workspace with a run `r`, the labelled folder `product`, and its encoding `whole`."""
    root = tmp_path_factory.mktemp("anomalies")
    workspace = make_workspace(root / "ws", 0)
    folder = root / "product"
    draw(folder / "train" / "good", 80, 1)
    draw(folder / "test" / "good", 12, 2)
    draw(folder / "test" / "dent", 8, 3, dent)
    masks = folder / "ground_truth" / "dent"
    masks.mkdir(parents=True)
    mask = np.zeros((24, 16), np.uint8)
    mask[SQUARE] = 255
    for i in range(8):
        Image.fromarray(mask).save(masks / f"{i:03d}_mask.png")
    train(workspace, training__epochs=2, training__batch_size=8, dataset__images=str(folder / "train"))
    plant_broken_files(folder / "train" / "good")
    encode(workspace, folder, "whole")
    return workspace


def encode(workspace, folder, name, **changes):
    arguments = {"run": "r", "input": str(folder), "output": str(workspace.inference / name)}
    run_here(workspace, "encode", small_settings(**changes), arguments)
    return workspace.inference / name


def find(workspace, encoding="whole", on_event=None, **arguments):
    summary = run_here(
        workspace, "anomalies", small_settings(inference__batch_size=7), {"encoding": encoding, **arguments}, on_event
    )
    return read_anomalies(workspace.inference / encoding / "anomalies"), summary


@pytest.fixture(scope="module")
def found(product):
    return find(product, heat_maps=True, top=4)[0]


@pytest.fixture
def model(product):
    return load_model(RunFolder(product.run("r")), torch.device("cpu")).model


@pytest.fixture
def copy(product, tmp_path):
    """An encoding of its own with images of its own, to be spoiled: 30 good images and 4 with a dent."""
    draw(tmp_path / "in", 30, 4)
    draw(tmp_path / "in" / "dent", 4, 5, dent)
    yield encode(product, tmp_path / "in", "copy")
    shutil.rmtree(product.inference / "copy")


def test_every_file_has_a_rank_or_a_reason_and_masks_are_no_images(product, found):
    encoding = open_encoding(product.inference / "whole")
    paths = [file.path for file in encoding.files if not file.path.startswith("ground_truth/")]
    assert sorted(line.path for line in found.lines) == sorted(paths)
    assert [line.rank for line in found.ranked] == list(range(1, len(found.ranked) + 1))
    scores = [line.score for line in found.ranked]
    assert scores == sorted(scores, reverse=True)
    others = {line.path: line.status for line in found.lines[len(found.ranked) :]}
    assert others == {
        "train/good/empty.png": "empty", "train/good/text.jpg": "not_an_image", "train/good/cut.png": "truncated",
        "train/good/new\\nline.png": "empty",
    }  # fmt: skip
    assert all(line.reason for line in found.lines if line.rank is None)
    assert all(encoding.rows[line.row].path == line.path for line in found.ranked)
    assert found.summary.without_score == {"empty": 2, "not_an_image": 1, "truncated": 1}


def test_the_dents_come_first_and_are_flagged(found):
    assert {line.label for line in found.ranked[:8]} == {"dent"}
    assert all(line.flagged and line.score > found.summary.thresholds["score"] for line in found.ranked[:8])
    good = [line for line in found.ranked if line.label == "good"]
    assert sum(line.flagged for line in good) / len(good) < 0.1


def test_scores_are_those_of_the_model_and_of_independent_statistics(product, found, model):
    encoding = open_encoding(product.inference / "whole")
    normal = [row for row, file in enumerate(encoding.rows) if file.path.startswith("train/")]
    vectors = encoding.vectors.astype(float)
    pooled = vectors.reshape(len(vectors), -1, 256).mean(1)
    wolf = LedoitWolf().fit(pooled[normal])
    features = []
    hook = model.encoder.stages[2].register_forward_hook(lambda *a: features.append(a[2].flatten(2)))
    for row in range(len(vectors)):
        pixels = decode_resized(encoding.image(row), 24, 16)
        images = to_float(torch.from_numpy(pixels[None].copy()))
        with torch.inference_mode():
            output = model(images)
        if row == found.ranked[0].row:
            metrics = image_metrics(output, images)
    hook.remove()
    places = torch.cat(features).double().numpy().transpose(2, 0, 1)  # (P, N, C)
    best = found.ranked[0]  # a test image: compared with all normal ones
    mae, structure, knn, mahalanobis, patches = best.scores
    assert mae == pytest.approx(metrics["mae"].item(), rel=1e-4)
    assert structure == pytest.approx(1 - metrics["ssim"].item(), rel=1e-3)
    assert knn == pytest.approx(np.linalg.norm(vectors[normal] - vectors[best.row], axis=1).min(), rel=1e-4)
    assert mahalanobis == pytest.approx(np.sqrt(wolf.mahalanobis(pooled[[best.row]]))[0], rel=1e-2)
    there = [np.sqrt(LedoitWolf().fit(p[normal]).mahalanobis(p[[best.row]]))[0] for p in places]
    assert patches == pytest.approx(max(there), rel=1e-2)


def test_normal_images_that_the_model_never_saw_calibrate(product, found):
    validation = {"train/" + row.path for row in read_split(RunFolder(product.run("r"))) if row.split == "validation"}
    reference = found.summary.reference
    assert (reference.source, reference.images, reference.unseen) == ("the images of the run r", 81, True)
    assert reference.calibrated == len(validation) == 20
    held_out = [line for line in found.ranked if line.path in validation]
    for line in found.ranked[::9]:
        above = sum(other.score >= line.score for other in held_out)
        assert line.tail == pytest.approx((1 + above) / 21)
        for k in range(len(SCORES)):
            above = sum(other.scores[k] >= line.scores[k] for other in held_out)
            assert line.tails[k] == pytest.approx((1 + above) / 21)
    assert found.summary.thresholds["score"] == pytest.approx(max(line.score for line in held_out), abs=1e-4)


def test_labels_judge_every_score(found):
    tested = [line for line in found.ranked if line.path.startswith("test/") and line.label]
    truth = [line.label == "dent" for line in tested]
    judged = {(d.score, d.kind): d for d in found.summary.detection}
    assert set(judged) == {(name, kind) for name in ("score", *SCORES) for kind in ("all", "dent")}
    for k, name in enumerate(SCORES):
        values = [line.scores[k] for line in tested]
        assert judged[name, "all"].auroc == pytest.approx(roc_auc_score(truth, values), abs=1e-6)
        assert judged[name, "dent"].average_precision == pytest.approx(average_precision_score(truth, values))
    assert (judged["score", "all"].anomalies, judged["score", "all"].good) == (8, 12)


def test_heat_maps_show_the_dent(found):
    dents = [found.heat_map(line.row) for line in found.ranked[:8]]
    for heat in dents:
        assert (heat.shape, heat.dtype) == ((24, 16), np.float32)
        inside = np.zeros(heat.shape, bool)
        inside[SQUARE] = True
        assert heat[inside].mean() > 2 * heat[~inside].mean()
    maps, masks = [], []
    for line in found.ranked:
        if line.path.startswith("test/") and line.label:
            maps.append(found.heat_map(line.row))
            masks.append(np.zeros((24, 16), bool))
            masks[-1][SQUARE] = line.label == "dent"
    wanted = roc_auc_score(np.ravel(masks), np.ravel(maps))
    (whole, of_dents) = found.summary.pixel_detection
    assert (whole.kind, whole.images, of_dents.kind) == ("all", 20, "dent")
    assert whole.auroc == pytest.approx(wanted)
    assert wanted > 0.9
    pictures = sorted((found.folder / "heat_maps").iterdir())
    assert [p.name for p in pictures] == ["0001.png", "0002.png", "0003.png", "0004.png"]
    with Image.open(pictures[0]) as picture:
        assert picture.size == (16, 24)


def test_pictures_of_an_encoding_are_no_images(product, found):
    assert list(found.folder.rglob("*.png"))
    assert [file.path for file in scan(product.inference)] == []


def test_a_reference_is_what_is_normal_and_own_copies_do_not_hide_an_image(product, copy, tmp_path):
    draw(tmp_path / "normal", 40, 6)
    shutil.copy(tmp_path / "in" / "dent" / "000.png", tmp_path / "normal" / "copy.png")
    reference = encode(product, tmp_path / "normal", "normal")
    found, summary = find(product, "copy", reference="normal")
    shutil.rmtree(reference)
    assert summary["reference"] == "the encoding normal"
    assert (found.summary.reference.images, found.summary.reference.unseen) == (41, True)
    first = {line.path: line for line in found.ranked[:4]}
    assert set(first) == {f"dent/{i:03d}.png" for i in range(4)}
    assert first["dent/000.png"].scores[2] > 0.1 * first["dent/001.png"].scores[2]
    assert found.summary.heat_maps is None
    assert found.heat_map(0) is None
    assert found.summary.detection == ()


def test_changed_and_missing_images_are_named_and_the_rest_is_scored(product, copy, tmp_path):
    shutil.copy(tmp_path / "in" / "001.png", tmp_path / "in" / "000.png")
    (tmp_path / "in" / "002.png").unlink()
    said = []
    found, summary = find(product, "copy", said.append)
    assert summary["reference"] == "the encoding itself"
    last = {line.path: (line.status, line.row, line.flagged) for line in found.lines[-2:]}
    assert last == {"000.png": ("changed", 0, False), "002.png": ("unreadable", 2, False)}
    assert len(found.ranked) == 32
    assert any("000.png has no score: changed" in event.data.get("message", "") for event in said)


@pytest.mark.parametrize("pooling", ["none", "mean"])
def test_other_poolings_serve_too(product, tmp_path, pooling):
    draw(tmp_path / "in", 30, 4)
    encode(product, tmp_path / "in", pooling, inference__pooling=pooling, inference__latent_dtype="float16")
    assert len(find(product, pooling)[0].ranked) == 30
    shutil.rmtree(product.inference / pooling)


def test_what_cannot_be_answered_is_refused_before_work_begins(product, copy, tmp_path):
    manifest = copy / "manifest.json"
    whole = json.loads(manifest.read_text())

    def refused(match, change=None, **arguments):
        manifest.write_text(json.dumps(whole | (change or {})))
        with pytest.raises(FextError, match=match):
            find(product, "copy", **arguments)
        assert sorted(p.name for p in copy.iterdir()) == ["latents.npy", "manifest.json", "rows.csv"]

    refused("their checkpoint differs", {"checkpoint": {"epoch": 2, "digest": "sha256:00"}}, reference="whole")
    refused(r"the weights that made copy \(epoch 2 of r\) are not", {"checkpoint": {"epoch": 2, "digest": "x"}})
    refused("made with the run r2, which is not in", {"run": "r2"})
    refused("none of the images of copy is in", {"images": str(tmp_path / "gone")})
    refused("34 different normal images, and 99 are needed", false_positive_rate=0.01)
    refused("false-positive rate of 2 is out of range", false_positive_rate=2)


def test_too_few_readable_normal_images_are_counted(product, copy, tmp_path):
    for i in range(15):
        (tmp_path / "in" / f"{i:03d}.png").unlink()
    with pytest.raises(FextError, match="only 19 different normal images can be read, and 20 are needed"):
        find(product, "copy")


def test_results_know_when_the_encoding_has_changed(product, copy):
    found = find(product, "copy")[0]
    assert found.is_current
    with (copy / "rows.csv").open("a") as rows:
        rows.write(",late.png,,,,empty,no bytes\n")
    assert not found.is_current


def test_a_stop_leaves_the_older_results_alone(product, copy):
    before = find(product, "copy")[0]

    def stop(event):
        if event.kind == "progress":
            ask_to_stop()

    with pytest.raises(JobStopped, match="no score was kept"):
        find(product, "copy", stop)
    assert read_anomalies(before.folder).lines == before.lines
    assert sorted(p.name for p in copy.iterdir()) == ["anomalies", "latents.npy", "manifest.json", "rows.csv"]


def test_the_command_prints_ranks_scores_and_paths(product, copy, tmp_path, capsys):
    base = ("anomalies", "copy", "--reference", "whole", "--resources", str(product.root), "--set", "device.device=cpu")
    assert main([*base, "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()[-3:]
    assert lines[0].split() == ["rank", "score", "path"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]
    assert all("dent/" in line and line.endswith("flagged") for line in lines[1:])
    assert main([*base, "--csv", str(tmp_path / "out.csv")]) == 0
    capsys.readouterr()
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 34
    assert list(rows[0])[:3] == ["rank", "score", "path"]
    assert main([*base, "--json", "--top", "3"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ranked = events[-1]["summary"]["ranked"]
    assert [row["rank"] for row in ranked] == [1, 2, 3]
    assert ranked[0]["path"].startswith("dent/")
    assert main([*base, "--false-positive-rate", "0.9"]) == 2
    assert main([*base, "--detach", "--csv", "x.csv"]) == 2


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("summary.json", lambda text: text[:-20], "summary.json is no summary of anomalies"),
        ("summary.json", lambda text: text.replace('"format": 1', '"format": 9'), "written by a newer FeXT"),
        ("scores.csv", lambda text: text.replace("rank", "place", 1), "scores.csv is no table of anomalies, line 1"),
        ("scores.csv", lambda text: text.replace("\n2,", "\nx,", 1), "no table of anomalies, line 3"),
        ("scores.csv", lambda text: text.replace("\n2,", "\n3,", 1), "does not rank the 101 images"),
        ("heat_maps.npy", lambda text: "", "cannot read .*heat_maps.npy"),
    ],
)
def test_damaged_results_are_refused(found, tmp_path, name, damage, reason):
    folder = shutil.copytree(found.folder, tmp_path / "damaged")
    text = (folder / name).read_text(encoding="utf-8", errors="replace")
    (folder / name).write_text(damage(text), encoding="utf-8")
    with pytest.raises(FextError, match=reason):
        read_anomalies(folder).heat_map(0)


def test_reading_results_loads_no_torch():
    code = (
        "import fext_engine.latents.anomaly.results, fext_engine.latents.anomaly.heat, sys; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
