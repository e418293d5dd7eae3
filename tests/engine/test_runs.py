"""Runs renamed, annotated, removed and compared: the folder and the records stay of one mind."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest

from fext_engine.errors import FextError
from fext_engine.jobs.folder import claim, create_job
from fext_engine.maintenance.runs import annotate_run, remove_run, rename_run
from fext_engine.presets import settings_to_toml
from fext_engine.records import database, open_records
from fext_engine.records.encodings import EncodingRecord, list_encodings, record_encoding
from fext_engine.records.run_schema import RUN_NOTES
from fext_engine.records.runs import FIGURES, RunRecord, add_epoch, epochs_of, list_runs, upsert_run
from fext_engine.records.schema import MIGRATIONS
from fext_engine.settings import Settings
from fext_engine.training.comparison import compare_runs
from fext_engine.training.history import EpochRecord, write_history
from fext_engine.training.run_folder import RunFolder, SplitRow, create_run
from fext_engine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "resources")
    made.create()
    return made


def add_run(workspace, name, epochs=2, **changes):
    settings = Settings().with_options({key.replace("__", "."): value for key, value in changes.items()})
    rows = [SplitRow("a.png", "train", "1"), SplitRow("b.png", "validation", "2")]
    run = create_run(workspace, name, settings, rows)
    history = [EpochRecord(n, **dict.fromkeys(FIGURES, 1 / (n + len(name)))) for n in range(1, epochs + 1)]
    write_history(run.history, history)
    with open_records(workspace.database) as records:
        upsert_run(records, RunRecord(name, settings.model.name, "finished", epochs, "", settings_to_toml(settings)))
        for epoch in history:
            add_epoch(records, name, epoch.epoch, epoch.values())
    return run


def recorded(workspace):
    with open_records(workspace.database) as records:
        return {run.name: (run.epochs_done, run.note) for run in list_runs(records)}


def test_a_renamed_run_takes_its_folder_epochs_and_encodings_along(workspace):
    add_run(workspace, "one", epochs=3)
    encoding = workspace.inference / "enc"
    encoding.mkdir()
    (encoding / "manifest.json").write_text('{"run": "one", "format": 1}', encoding="utf-8")
    with open_records(workspace.database) as records:
        record_encoding(records, EncodingRecord(str(encoding), "one", "", 1, 0, 4, "float32", "none"))
    annotate_run(workspace, "one", "a  good\none")
    assert rename_run(workspace, "one", "two") == workspace.run("two")
    assert not workspace.run("one").exists()
    assert RunFolder(workspace.run("two")).read_note() == "a good one"
    assert recorded(workspace) == {"two": (3, "a good one")}
    with open_records(workspace.database) as records:
        assert len(epochs_of(records, "two")) == 3
        assert [e.run for e in list_encodings(records)] == ["two"]
    assert json.loads((encoding / "manifest.json").read_text()) == {"run": "two", "format": 1}


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "latest", ".hidden", "[red]x", "a\n", "caf\udce9", "x" * 101])
def test_no_name_leads_out_of_the_folder_of_runs(workspace, name):
    add_run(workspace, "one")
    with pytest.raises(FextError):
        rename_run(workspace, "one", name)
    with pytest.raises(FextError):
        rename_run(workspace, name, "fresh")
    with pytest.raises(FextError, match="there is no run called"):
        annotate_run(workspace, name, "x")
    remove_run(workspace, name)
    assert [p.name for p in workspace.checkpoints.iterdir() if p.is_dir()] == ["one"]
    assert recorded(workspace) == {"one": (2, "")}


def test_a_name_in_use_is_refused_and_all_stays(workspace):
    add_run(workspace, "one")
    add_run(workspace, "two")
    shutil.rmtree(add_run(workspace, "gone").path)
    for taken in ("two", "gone"):
        with pytest.raises(FextError, match=f"{taken}.* already"):
            rename_run(workspace, "one", taken)
    assert workspace.run("one").is_dir() and set(recorded(workspace)) == {"one", "two", "gone"}
    assert remove_run(workspace, "gone") == 0
    assert set(recorded(workspace)) == {"one", "two"}


def test_a_run_at_work_keeps_its_name(workspace):
    run = add_run(workspace, "one")
    with run.locked(), pytest.raises(FextError, match="another job works on the run one"):
        rename_run(workspace, "one", "two")
    with claim(create_job(workspace, "resume", Settings(), {"run": "one"})):
        for change in (lambda: rename_run(workspace, "one", "two"), lambda: remove_run(workspace, "one")):
            with pytest.raises(FextError, match="run one is in use by job"):
                change()
    assert run.path.is_dir()


def test_when_the_records_cannot_be_written_the_folder_keeps_its_name(workspace, monkeypatch):
    add_run(workspace, "one")
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.0)
    other = sqlite3.connect(workspace.database)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(FextError, match="cannot rename"):
        rename_run(workspace, "one", "two")
    other.close()
    assert workspace.run("one").is_dir() and recorded(workspace) == {"one": (2, "")}


def test_a_hostile_folder_can_be_renamed_annotated_and_removed(workspace):
    for name in ("[red]x\x1b", "caf\udce9"):
        shutil.copytree(add_run(workspace, "one").path, workspace.run(name))
        assert annotate_run(workspace, name, "[/x]") == "[/x]"
        rename_run(workspace, name, "tame")
        remove_run(workspace, "one")
        remove_run(workspace, "tame")
    assert list(workspace.checkpoints.glob("[!.]*")) == []


def test_runs_of_a_database_without_notes_keep_all_they_have(workspace, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[: MIGRATIONS.index(RUN_NOTES)])
        with open_records(workspace.database) as records:
            upsert_run(records, RunRecord("old", "FextAE Redux", "finished", 1, "", ""))
            with records.connection as connection:
                connection.execute("INSERT INTO epochs (run, epoch, val_loss) VALUES ('old', 1, 0.5)")
    assert recorded(workspace) == {"old": (1, "")}
    with open_records(workspace.database) as records:
        assert [(e["val_loss"], e["val_ssim"]) for e in epochs_of(records, "old")] == [(0.5, None)]


def test_two_runs_are_compared_by_their_folders_alone(workspace):
    a = add_run(workspace, "a", epochs=2)
    b = add_run(workspace, "bb", epochs=3, training__batch_size=64, dataset__images="/[red]x")
    b.configuration.write_text(b.configuration.read_text() + "[later]\nnew = [1, 2]\n", encoding="utf-8")
    b.evaluation.mkdir()
    (b.evaluation / "report.json").write_text('{"mean": {"ssim": 0.5}}', encoding="utf-8")
    found = compare_runs(a.path, b.path)
    assert {(d.name, d.a, d.b) for d in found.settings} == {
        ("dataset.images", "", "/[red]x"), ("training.batch_size", 32, 64), ("later.new", None, "[1, 2]"),
    }  # fmt: skip
    results = {d.name: d for d in found.results}
    assert (results["epochs"].a, results["epochs"].b, results["epochs"].change) == (2, 3, 1)
    assert results["best val_loss"].a == 1 / 3 and results["last mae"].b == 1 / 5
    assert (results["evaluation ssim"].a, results["evaluation ssim"].change) == (None, None)
    assert found.same_validation is True
    b.split.write_text("path,split,digest\nc.png,validation,3\n", encoding="utf-8")
    assert compare_runs(a.path, b.path).same_validation is False
    b.split.unlink()
    b.history.unlink()
    bare = compare_runs(a.path, b.path)
    assert bare.same_validation is None and {d.name: d.b for d in bare.results}["best val_loss"] is None
    b.configuration.write_bytes(b"\xff")
    with pytest.raises(FextError, match=r"cannot read .*configuration.toml"):
        compare_runs(a.path, b.path)
