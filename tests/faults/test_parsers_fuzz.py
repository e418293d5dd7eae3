"""Every file that FeXT reads, as a stranger might send it: it is read, or refused in one line that names it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing import fuzz, mutated
from hypothesis import given
from hypothesis import strategies as st
from made_encoding import make_encoding
from PIL import Image
from safetensors.torch import save_file

from fext_engine.cli.display import PlainDisplay
from fext_engine.errors import FextError
from fext_engine.images import report_page  # noqa: F401 - the schema's modules, imported once
from fext_engine.jobs.events import Event, EventReader, EventWriter
from fext_engine.jobs.folder import create_job, read_request
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.latents.anomaly import results
from fext_engine.latents.encoding import open_encoding
from fext_engine.latents.index import IndexRecord, read_record
from fext_engine.latents.listing import read_listing
from fext_engine.latents.map import compute_map, load_map, store_map
from fext_engine.latents.projection import fit, load
from fext_engine.latents.recipe import Recipe
from fext_engine.latents.stamp import stamp_of
from fext_engine.latents.unfinished import final_place, new_folder, unfinished_in
from fext_engine.presets import (
    last_preset,
    list_presets,
    load_settings,
    read_settings,
    save_last_used,
    settings_to_toml,
)
from fext_engine.records import open_records
from fext_engine.records.runs import RunRecord, add_epoch, epochs_of, list_runs, upsert_run
from fext_engine.settings import Settings
from fext_engine.training.cache import _open_stored
from fext_engine.training.checkpoints import Position, load_state, read_position, save_checkpoint
from fext_engine.training.comparison import compare_runs
from fext_engine.training.history import COLUMNS, EpochRecord, read_history, write_history
from fext_engine.training.reading import ImageSize
from fext_engine.training.run_folder import RunFolder, SplitRow, create_run, read_split, write_csv
from fext_engine.training.sample_grid import SampleGrid, read_grid
from fext_engine.workspace import Workspace, find_workspace
from fext_tui.configuration import read_configuration
from fext_tui.image_facts import plot_facts

VECTORS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Workspace:
    """A workspace with one of every file."""
    workspace = find_workspace(tmp_path_factory.mktemp("whole") / "ws")
    save_last_used(workspace, Settings(), "quick")
    (workspace.root / ".env").write_text("FEXT_TRAINING__EPOCHS=3\nFEXT_DATASET__IMAGES=${HOME}/x\nOTHER=1\n")
    workspace.ui_file.write_text('theme = "dark"\n[keys]\nquit = "Q,ctrl+t"\n"model.train" = "f2"\n')
    _make_run(workspace)
    _make_encoding(workspace.inference / "e")
    folder = create_job(workspace, "encode", Settings(), {"run": "r", "input": "/images", "top": 3})
    writer = EventWriter(folder.rename(workspace.jobs / "j"))
    for event in (
        Event("started", {"verb": "encode", "run": "r"}, 1.5e9), Event("log", {"level": "info", "message": "hello"}),
        Event("progress", {"stage": "encoding", "done": 3, "total": 6, "rate": 1.5, "eta": 2.0, "unit": "images"}),
        Event("metric", {"epoch": 1, "epochs": 2, "values": {"loss": 0.5, "seconds": 3.0}}),
        Event("finished", {"summary": {"images": 6, "index_bytes": 10, "built_seconds": 1.5}}),
    ):  # fmt: skip
        writer.write(event)
    writer.close()
    with open_records(workspace.database) as records:
        upsert_run(records, RunRecord("r", "m", "finished", 2, "/images", settings_to_toml(Settings())))
        add_epoch(records, "r", 1, {"loss": 0.5, "val_loss": 0.25})
        records.connection.execute("PRAGMA journal_mode = DELETE")
    return workspace


def _make_run(workspace: Workspace) -> None:
    split = [SplitRow(f"a/{i}.png", "validation" if i == 3 else "train", f"{i:064x}") for i in range(4)]
    run = create_run(workspace, "r", Settings(), split)
    record = dict.fromkeys(COLUMNS, 0.25)
    write_history(run.history, [EpochRecord(**record | {"epoch": epoch}) for epoch in (1, 2)])
    folder = save_checkpoint(run, Position(1, 0, 7), {"w": torch.ones(3)}, {"s": torch.zeros(2, 2)})
    run.point("best", folder)
    run.evaluation.mkdir()
    (run.evaluation / "report.json").write_text('{"run": "r", "mean": {"mae": 0.5}, "best": ["a", "b"]}')
    run.samples.mkdir()
    grid = SampleGrid(8, 6, 2, ("a.png", "b.png"))
    Image.new("RGB", grid.size).save(run.samples / "0001.png", pnginfo=grid.to_png_text())
    stored = workspace.cache / "pixels-0"
    stored.mkdir()
    np.save(stored / "pixels.npy", np.zeros((2, 4, 5, 3), np.uint8))
    write_csv(stored / "index.csv", ("path", "digest", "status", "reason"), [("a", "0", "ok", ""), ("b", "1", "ok", "")])


def _make_encoding(folder: Path) -> None:
    encoding = make_encoding(folder, VECTORS)
    store_map(encoding, compute_map(encoding, "pca"))
    fit(VECTORS, 2).save(folder)
    write_csv(folder / "files.csv", ("path", "size", "mtime_ns"), [("a.png", 1, 2), ("b.png", 3, 4)])
    (folder / "index.usearch").write_bytes(b"0123456789")
    record = IndexRecord(
        library="usearch 2", metric="cosine", parameters={"connectivity": 32}, bytes=10, vectors=stamp_of(encoding),
        recall_at_10=1.0, recall_queries=6,
    )  # fmt: skip
    (folder / "index.json").write_text(record.model_dump_json(indent=1))
    new_folder(folder.parent / "later", Recipe.of(encoding.manifest))
    anomalies = folder / results.FOLDER
    anomalies.mkdir()
    figures = tuple(0.5 for _ in results.SCORES)
    lines = [results.Line(i + 1, i, f"{i}.png", "good", "ok", "", i == 0, "mae", 1.5, 0.1, figures, figures) for i in range(6)]
    results.write_table(anomalies / results.TABLE, lines)
    summary = results.Summary(
        encoding="e", rows_digest="0", run="r", checkpoint=encoding.manifest.checkpoint, false_positive_rate=0.01,
        reference=results.Reference(source="s", encoding="e", images=6, fitted=3, calibrated=3, unseen=True),
        thresholds={"score": 3.5}, scored=6, flagged=1, without_score={}, heat_maps=(6, 2, 2), versions={},
    )  # fmt: skip
    (anomalies / results.SUMMARY).write_text(summary.model_dump_json(indent=1))
    np.save(anomalies / results.MAPS, np.zeros((6, 2, 2), np.float16))


def _anomalies(folder: Path) -> None:
    found = results.read_anomalies(folder / "anomalies")
    found.heat_map(0)


def _state(run: RunFolder) -> None:
    """With the digest that a stranger would write beside it."""
    checkpoint = run.checkpoint(1)
    description = json.loads((checkpoint / "state.json").read_text())
    description["digests"]["state.safetensors"] = hashlib.sha256((checkpoint / "state.safetensors").read_bytes()).hexdigest()
    (checkpoint / "state.json").write_text(json.dumps(description))
    load_state(checkpoint)


def _job(workspace: Workspace) -> None:
    """What `fext jobs` and `fext jobs follow` do, and what `fext clean` asks."""
    for job in Supervisor(workspace).jobs():
        workspace.run(job.run or "").exists()
        assert job.title.isprintable() or job.title
    display = PlainDisplay()
    for event in EventReader(workspace.jobs / "j").read():
        display(event)
    read_request(workspace.jobs / "j")


def _database(workspace: Workspace) -> None:
    with open_records(workspace.database) as records:
        for run in list_runs(records):
            epochs_of(records, run.name)


def _unfinished(workspace: Workspace) -> None:
    for folder, state in unfinished_in(workspace.inference):
        assert final_place(folder, state).parent == workspace.inference


PARSERS: dict[str, tuple[str, Callable[[Workspace], object], tuple[type[Exception], ...]]] = {
    "preset": ("configurations/last_used.toml", lambda w: read_settings(w.configurations / "last_used.toml"), ()),
    "last preset": ("configurations/last_used.toml", lambda w: (last_preset(w), list_presets(w)), ()),
    "environment": (".env", lambda w: load_settings(w, environ={}), ()),
    "ui": ("ui.toml", lambda w: read_configuration(w.ui_file, ("dark", "light")), ()),
    "configuration": ("checkpoints/r/configuration.toml", lambda w: compare_runs(w.run("r"), w.run("r")), ()),
    "history": ("checkpoints/r/history.csv", lambda w: read_history(RunFolder(w.run("r")).history), ()),
    "compared history": ("checkpoints/r/history.csv", lambda w: compare_runs(w.run("r"), w.run("r")), ()),
    "split": ("checkpoints/r/split.csv", lambda w: read_split(RunFolder(w.run("r"))), ()),
    "pointer": ("checkpoints/r/best", lambda w: RunFolder(w.run("r")).pointed("best"), ()),
    "description": ("checkpoints/r/epochs/0001/state.json", lambda w: read_position(RunFolder(w.run("r")).checkpoint(1)), ()),
    "safetensors": ("checkpoints/r/epochs/0001/state.safetensors", lambda w: _state(RunFolder(w.run("r"))), ()),
    "evaluation": ("checkpoints/r/evaluation/report.json", lambda w: compare_runs(w.run("r"), w.run("r")), ()),
    "report's facts": ("checkpoints/r/evaluation/report.json", lambda w: plot_facts(w.run("r") / "evaluation" / "x.png"), ()),
    "sample": ("checkpoints/r/samples/0001.png", lambda w: read_grid(w.run("r") / "samples" / "0001.png"), ()),
    "cache's index": ("cache/pixels-0/index.csv", lambda w: _open_stored(w.cache / "pixels-0", ImageSize(4, 5, False)), ()),
    "cache's pixels": ("cache/pixels-0/pixels.npy", lambda w: _open_stored(w.cache / "pixels-0", ImageSize(4, 5, False)), ()),
    "manifest": ("database/inference/e/manifest.json", lambda w: open_encoding(w.inference / "e"), ()),
    "rows": ("database/inference/e/rows.csv", lambda w: open_encoding(w.inference / "e"), ()),
    "latents": ("database/inference/e/latents.npy", lambda w: open_encoding(w.inference / "e"), ()),
    "map": ("database/inference/e/map.npz", lambda w: load_map(open_encoding(w.inference / "e")), ()),
    "pca": ("database/inference/e/pca.npz", lambda w: load(w.inference / "e"), (OSError, ValueError)),
    "index": ("database/inference/e/index.json", lambda w: read_record(open_encoding(w.inference / "e")), ()),
    "listing": ("database/inference/e/files.csv", lambda w: list(read_listing(w.inference / "e" / "files.csv")), ()),
    "scores": ("database/inference/e/anomalies/scores.csv", lambda w: _anomalies(w.inference / "e"), ()),
    "summary": ("database/inference/e/anomalies/summary.json", lambda w: _anomalies(w.inference / "e"), ()),
    "heat maps": ("database/inference/e/anomalies/heat_maps.npy", lambda w: _anomalies(w.inference / "e"), ()),
    "unfinished": ("database/inference/.later.partial/state.json", _unfinished, ()),
    "job": ("jobs/j/job.toml", _job, ()),
    "events": ("jobs/j/events.jsonl", _job, ()),
    "database": ("database/metadata/fext.sqlite", _database, (sqlite3.DatabaseError,)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")  # NumPy's, about headers as Python 2 wrote them
@pytest.mark.parametrize("name", PARSERS)
def test_it_is_read_or_refused_in_one_line(whole, tmp_path, name):
    place, parse, allowed = PARSERS[name]
    workspace = Workspace(Path(shutil.copytree(whole.root, tmp_path / "ws")))
    file = workspace.root / place
    parse(workspace)  # whole, it is read
    seen = {"read": 0, "refused": 0}

    def try_it(data: bytes) -> None:
        file.write_bytes(data)
        try:
            parse(workspace)
        except FextError as error:
            assert str(error).isprintable()
            assert file.name in str(error) or file.parent.name in str(error)
            seen["refused"] += 1
        except allowed:
            seen["refused"] += 1
        else:
            seen["read"] += 1
        if place.endswith("sqlite"):
            for beside in file.parent.glob("fext.sqlite-*"):
                beside.unlink()

    fuzz(15)(given(mutated(file.read_bytes()))(try_it))()
    assert not list(tmp_path.glob("[!w]*"))  # nothing was written elsewhere
    assert sum(seen.values()) > 10


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, width=64)


@fuzz(12)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS[1:], numbers)), max_size=5))
def test_a_history_comes_back(tmp_path_factory, records):
    file = tmp_path_factory.getbasetemp() / "history.csv"
    written = [EpochRecord(epoch=epoch, **record) for epoch, record in enumerate(records, start=1)]
    write_history(file, written)
    assert read_history(file) == written


@fuzz(6)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), texts | st.integers(-(2**63), 2**63 - 1) | st.booleans()))
def test_a_jobs_request_comes_back(tmp_path_factory, arguments):
    workspace = find_workspace(tmp_path_factory.getbasetemp() / "jobs")
    folder = create_job(workspace, "train", Settings(), arguments)
    assert read_request(folder).arguments == arguments
    shutil.rmtree(folder)


@fuzz(25)
@given(st.dictionaries(texts, st.none() | st.booleans() | st.integers() | numbers | texts | st.lists(texts)))
def test_an_event_of_a_job_comes_back_or_is_none(data):
    from fext_engine.jobs.events import parse_event

    event = Event("log", {f"x{key}": value for key, value in data.items()}, 1.5)
    assert parse_event(event.to_json()) == event


def test_a_file_of_tensors_that_lies_about_its_size_is_refused(whole, tmp_path):
    workspace = Workspace(Path(shutil.copytree(whole.root, tmp_path / "ws")))
    file = RunFolder(workspace.run("r")).checkpoint(1) / "state.safetensors"
    save_file({"s": torch.zeros(2, 2)}, file)
    small = file.read_bytes()
    for lie in (
        (1 << 60).to_bytes(8, "little") + small[8:],
        small.replace(b"[2,2]", b"[2,9]"),
        small.replace(b"[0,16]", b"[0,9999999999999999]"),
        small.replace(b'"F32"', b'"F64"'),
    ):
        file.write_bytes(lie)
        with pytest.raises(FextError, match=r"state\.safetensors cannot be read"):
            partial(_state, RunFolder(workspace.run("r")))()
