"""Analyzing a folder as a user does: the report, the records, stopping and going on, and hostile folders."""

from __future__ import annotations

import csv
import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import build_hostile_folder, encode, picture
from PIL import Image

from fext_engine.errors import FextError, JobStopped
from fext_engine.images.examine import examine
from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.images.scan import image_path, scan
from fext_engine.images.split import assign_splits, split_dataset
from fext_engine.jobs.events import Event
from fext_engine.jobs.run import run_here
from fext_engine.records import images as image_records
from fext_engine.records import open_records, reports
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "resources")
    made.create()
    return made


@dataclass(frozen=True)
class Sample:
    """A generated sample dataset, and what its job answered."""

    folder: Path
    made: dict[str, Any]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    place = tmp_path_factory.mktemp("sample")
    workspace, folder = Workspace(place / "resources"), place / "out"
    workspace.create()
    return Sample(folder, run_here(workspace, "sample", Settings(), {"output": str(folder)}))


def settings_for(folder: Path, **options: Any) -> Settings:
    return Settings().with_options({"dataset.images": str(folder), **options})


def fill(folder: Path, number: int, classes: int = 2) -> None:
    for i in range(number):
        path = folder / f"class_{i % classes}" / f"{i:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture(i), "JPEG"))


def measure_without_report(workspace: Workspace, folder: Path) -> None:
    """What `analyze` does before its report, for tests of the records alone."""
    with open_records(workspace.database) as records:
        for _ in image_records.record_scan(records, folder, scan(folder)):
            pass
        root_id = image_records.find_root(records, folder)
        codes = assign_splits(image_records.iterate_paths(records, root_id), Settings().dataset)
        image_records.record_splits(records, root_id, codes)
        found = [examine(folder, task) for task in image_records.iterate_pending(records, root_id)]
        image_records.record_examined(records, found)


def measured(events: list[Event]) -> int:
    """How many images the job read."""
    return max(e.data["total"] for e in events if e.kind == "progress" and e.data["stage"] == "measure")


def stop_when(condition: Callable[[Event], bool]) -> Callable[[Event], None]:
    sent = []

    def listen(event: Event) -> None:
        if not sent and condition(event):
            sent.append(True)
            signal.raise_signal(signal.SIGTERM)

    return listen


def test_a_hostile_folder_is_reported_file_by_file(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    expected = build_hostile_folder(folder)
    events: list[Event] = []
    summary = run_here(workspace, "analyze", settings_for(folder), {}, events.append)

    kinds = {status: list(expected.values()).count(status) for status in expected.values()}
    assert summary["statuses"] == kinds
    assert (summary["images"], summary["usable"]) == (len(expected), kinds["ok"])
    assert summary["broken"] == len(expected) - kinds["ok"]
    report = workspace.validation / summary["report"]
    with (report / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"]: row["status"] for row in rows} == expected
    assert all(bool(row["reason"]) == (row["status"] != "ok") for row in rows)
    warned = " ".join(e.data["message"] for e in events if e.kind == "log" and e.data["level"] == "warning")
    for path, status in expected.items():
        assert status == "ok" or f"{path}: {status}: " in warned
    json.dumps(summary)


def test_the_report_holds_figures_tables_and_records(workspace: Workspace, tmp_path: Path) -> None:
    fill(tmp_path / "in", 40)
    events: list[Event] = []
    summary = run_here(workspace, "analyze", settings_for(tmp_path / "in"), {}, events.append)
    report = workspace.validation / summary["report"]
    for name in ("pixel_distribution", "statistics", "sizes", "class_balance", "drift"):
        with Image.open(report / f"{name}.png") as figure:
            assert min(figure.size) > 150
    assert json.loads((report / "summary.json").read_text()) == summary
    with (report / "pixels.csv").open() as file:
        pixels = np.array([[int(x) for x in row] for row in list(csv.reader(file))[1:]])
    assert (pixels[:, 1:].sum(axis=0) == 40 * 48 * 72).all()
    artifacts = [e.data["path"] for e in events if e.kind == "artifact"]
    assert all(Path(path).exists() for path in artifacts)
    shown = {*report.glob("*.png"), report / "report.html", report}
    assert {Path(path) for path in artifacts} == shown

    with open_records(workspace.database) as records:
        row = reports.find_report(records, "latest")
        assert (row["name"], row["images"], row["usable"]) == (summary["report"], 40, 40)
        roots = [r["path"] for r in records.connection.execute("SELECT path FROM image_roots")]
        assert roots == [row["root"]] == [summary["root"]]
        statistics = reports.report_statistics(records, row["id"])
        assert [s["measure"] for s in statistics] == list(MEASURE_NAMES)
        assert all(s["minimum"] <= s["p5"] <= s["median"] <= s["p95"] <= s["maximum"] for s in statistics)
        drift = reports.report_drift(records, row["id"])
        assert {(d["n_train"], d["n_validation"]) for d in drift} == {(32, 8)}
        classes = reports.report_classes(records, row["id"])
        assert [(c["class"], c["train"] + c["validation"]) for c in classes] == [
            ("class_0", 20),
            ("class_1", 20),
        ]


def test_the_split_is_the_one_that_training_uses(workspace: Workspace, tmp_path: Path) -> None:
    fill(tmp_path / "in", 30)
    options = {"dataset.sample_size": 0.8, "dataset.train_sample_size": 0.5}
    settings = settings_for(tmp_path / "in", **options)
    summary = run_here(workspace, "analyze", settings)
    training, validation = split_dataset([f.path for f in scan(tmp_path / "in")], settings.dataset)
    assert (summary["train"], summary["validation"]) == (len(training), len(validation))
    with open_records(workspace.database) as records:
        rows = image_records.list_images(records, tmp_path / "in", limit=99)
    assert [r["path"] for r in rows if r["split"] == "train"] == training
    assert [r["path"] for r in rows if r["split"] == "validation"] == validation
    assert {r["status"] for r in rows if r["split"] == "unused"} == {"pending"}  # not even read


def test_only_new_and_changed_files_are_read_again(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    fill(folder, 20)
    first = run_here(workspace, "analyze", settings_for(folder))
    (folder / "class_0" / "000.jpg").write_bytes(encode(picture(99), "PNG"))
    (folder / "class_1" / "001.jpg").unlink()
    (folder / "class_1" / "new.jpg").write_bytes(b"")
    events: list[Event] = []
    second = run_here(workspace, "analyze", settings_for(folder), {}, events.append)
    assert measured(events) == 2
    assert (first["images"], first["usable"]) == (20, 20)
    assert (second["images"], second["statuses"]) == (20, {"ok": 19, "empty": 1})
    with open_records(workspace.database) as records:
        paths = [row["path"] for row in image_records.list_images(records, folder)]
        changed = image_records.list_images(records, folder, text="000.jpg")[0]
    assert "class_1/001.jpg" not in paths
    assert (changed["format"], changed["notes"]) == ("PNG", "PNG content in a file named .jpg")


def test_a_stopped_analysis_goes_on_where_it_was(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    fill(folder, 400)
    settings = settings_for(folder, **{"device.num_workers": 0})
    half_way = stop_when(
        lambda e: e.kind == "progress" and e.data["stage"] == "measure" and e.data["done"] > 20
    )
    with pytest.raises(JobStopped, match="of 400 images were measured and are kept"):
        run_here(workspace, "analyze", settings, {}, half_way)
    with open_records(workspace.database) as records:
        kept = image_records.count_images(records, folder, status="ok")
    assert 20 < kept < 400
    events: list[Event] = []
    summary = run_here(workspace, "analyze", settings, {}, events.append)
    assert measured(events) == 400 - kept
    assert summary["usable"] == 400


def test_a_file_that_vanishes_between_scan_and_read(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    fill(folder, 12)
    victim = folder / "class_1" / "011.jpg"

    def remove(event: Event) -> None:
        if event.kind == "progress" and event.data["stage"] == "measure":
            victim.unlink(missing_ok=True)

    summary = run_here(workspace, "analyze", settings_for(folder, **{"device.num_workers": 0}), {}, remove)
    assert summary["statuses"] == {"ok": 11, "unreadable": 1}
    fill(folder, 12)  # it comes back with its old content
    measure_without_report(workspace, folder)
    with open_records(workspace.database) as records:
        assert image_records.count_statuses(records, folder) == {"ok": 12}


@pytest.mark.parametrize("number", [1, 2])
def test_tiny_datasets_have_a_report(workspace: Workspace, tmp_path: Path, number: int) -> None:
    fill(tmp_path / "in", number, classes=1)
    summary = run_here(workspace, "analyze", settings_for(tmp_path / "in"))
    assert summary["usable"] == number
    assert not (workspace.validation / summary["report"] / "drift.png").exists()


def test_nothing_to_analyze_says_what_to_do(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(FextError, match=r"there is no image in .*; put JPEG"):
        run_here(workspace, "analyze", Settings())
    with pytest.raises(FextError, match="does not exist; put images there"):
        run_here(workspace, "analyze", settings_for(tmp_path / "missing"))
    (workspace.images / "a.jpg").write_bytes(b"")
    with pytest.raises(FextError, match=r"none of the images in .* can be used \(1 empty\)"):
        run_here(workspace, "analyze", Settings())


def test_a_locked_database_is_explained_and_nothing_is_lost(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fext_engine.records.database.BUSY_SECONDS", 0.2)
    fill(tmp_path / "in", 6)
    open_records(workspace.database).connection.close()
    with closing(sqlite3.connect(workspace.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(FextError, match=r"database .*locked"):
            run_here(workspace, "analyze", settings_for(tmp_path / "in"))
    assert run_here(workspace, "analyze", settings_for(tmp_path / "in"))["usable"] == 6


def test_the_list_is_windowed_sorted_and_filtered(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    fill(folder, 25)
    (folder / "class_0" / "broken.jpg").write_bytes(b"no image")
    measure_without_report(workspace, folder)
    with open_records(workspace.database) as records:
        assert image_records.count_images(records, folder) == 26
        assert image_records.count_images(records, folder, status="broken") == 1
        assert image_records.count_images(records, folder, text="CLASS_1/") == 12
        everything = [row["path"] for row in image_records.list_images(records, folder, 0, 100)]
        windows = [
            r["path"]
            for start in range(0, 26, 7)
            for r in image_records.list_images(records, folder, start, 7)
        ]
        assert windows == everything == sorted(everything)
        means = [
            r["mean"] for r in image_records.list_images(records, folder, order_by="mean", descending=True)
        ]
        assert means[-1] is None
        assert means[:-1] == sorted(means[:-1], reverse=True)
        with pytest.raises(FextError, match="cannot be sorted"):
            image_records.list_images(records, folder, order_by="path; DROP TABLE images")
        assert image_records.count_images(records, tmp_path / "never scanned") == 0


def test_the_views_answer_common_questions(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    fill(folder, 8)
    (folder / "x.jpg").write_bytes(b"")
    measure_without_report(workspace, folder)
    with closing(sqlite3.connect(workspace.database)) as plain:
        assert plain.execute("SELECT path, status FROM broken_images").fetchall() == [("x.jpg", "empty")]
        assert plain.execute("SELECT count(*), count(entropy) FROM image_overview").fetchone() == (9, 8)
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_sample_dataset_shows_everything(workspace: Workspace, sample: Sample) -> None:
    folder, made = sample.folder, sample.made
    assert made["files"] > 280
    summary = run_here(workspace, "analyze", settings_for(folder))
    assert summary["images"] == made["files"]
    assert summary["classes"]["classes"] == 5
    broken = {"truncated", "empty", "not_an_image", "corrupt"}
    assert set(summary["statuses"]) == {"ok", *broken}
    planted = {
        path: odd.split(":")[0] for path, odd in made["planted"].items() if odd.split(":")[0] in broken
    }
    with open_records(workspace.database) as records:
        rows = image_records.list_images(records, folder, status="broken")
        extreme = image_records.list_images(records, folder, limit=1, order_by="dark_share", descending=True)
    assert {row["path"]: row["status"] for row in rows} == planted
    assert extreme[0]["path"] == "sunsets/very_dark.jpg"
    about = (folder / "ABOUT.txt").read_text()
    assert all(path in about and image_path(folder, path).exists() for path in made["planted"])


def test_the_sample_dataset_is_always_the_same_and_spares_other_folders(
    workspace: Workspace, tmp_path: Path, sample: Sample
) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    first = contents(sample.folder)
    run_here(workspace, "sample", Settings(), {"output": str(sample.folder)})  # its own folder is renewed
    assert contents(sample.folder) == first
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(FextError, match="is not empty"):
        run_here(workspace, "sample", Settings(), {"output": str(mine)})
    assert contents(mine) == {"holiday.jpg": b"precious"}
