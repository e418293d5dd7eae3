"""Housekeeping: what can be removed and what must stay, care of the database, and the console's answers."""

from __future__ import annotations

import csv
import sqlite3
import subprocess
from contextlib import closing

import pytest

from fext_engine.errors import FextError
from fext_engine.jobs.folder import claim, create_job
from fext_engine.maintenance import (
    back_up,
    environment_folder,
    export_tables,
    linked_away,
    removable,
    remove,
    vacuum,
)
from fext_engine.maintenance.console import main
from fext_engine.maintenance.git_update import incoming_changes, update
from fext_engine.maintenance.uninstall import remove_environment
from fext_engine.records import open_records
from fext_engine.records.runs import RunRecord, add_epoch, list_runs, upsert_run
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "resources")
    made.create()
    return made


def add_run(workspace, name, size=1000):
    folder = workspace.run(name)
    (folder / "epochs").mkdir(parents=True)
    (folder / "epochs" / "weights.safetensors").write_bytes(bytes(size))
    with open_records(workspace.database) as records:
        upsert_run(records, RunRecord(name, "FextAE Redux", "finished", 2, "images", ""))
        add_epoch(records, name, 1, {"loss": 0.5})
    return folder


def answer(monkeypatch, *answers):
    """Type these answers into the console, then end the input."""
    left = iter(answers)

    def type_next(_question):
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", type_next)


def test_lists_each_kind_with_its_size_and_leaves_hidden_files(workspace):
    (workspace.logs / ".gitkeep").touch()
    (workspace.logs / "fext.log").write_bytes(bytes(70))
    (workspace.cache / "pixels").mkdir()
    (workspace.cache / "pixels" / "a.npy").write_bytes(bytes(500))
    add_run(workspace, "one")
    (workspace.inference / "enc").mkdir()
    (workspace.inference / "enc" / "manifest.json").write_bytes(b"{}")
    (workspace.inference / "pictures of mine").mkdir()
    (workspace.inference / ".enc2.partial").mkdir()
    (workspace.checkpoints / ".two.abc.tmp").mkdir()
    found = {(item.kind, item.name): item.bytes for item in removable(workspace)}
    assert found == {
        ("log", "fext.log"): 70, ("cache", "pixels"): 500, ("run", "one"): 1000, ("encoding", "enc"): 2,
        ("unfinished", ".enc2.partial"): 0, ("leftover", ".two.abc.tmp"): 0,
    }  # fmt: skip


def test_removing_a_run_takes_its_records_and_nothing_else(workspace):
    add_run(workspace, "one")
    kept = add_run(workspace, "two")
    items = [item for item in removable(workspace, ["run"]) if item.name == "one"]
    assert remove(workspace, items) == 1000
    assert [p.name for p in workspace.checkpoints.iterdir()] == ["two"]
    assert (kept / "epochs" / "weights.safetensors").exists()
    with open_records(workspace.database) as records:
        assert [run.name for run in list_runs(records)] == ["two"]
        assert records.connection.execute("SELECT DISTINCT run FROM epochs").fetchall()[0][0] == "two"
    with pytest.raises(FextError, match="there is no run one"):
        remove(workspace, items)


def test_a_link_goes_and_what_it_leads_to_stays(workspace, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_bytes(bytes(100_000))
    run = add_run(workspace, "one", size=10)
    (run / "link").symlink_to(precious)
    (workspace.checkpoints / "elsewhere").symlink_to(precious)
    (workspace.cache / "link").symlink_to(precious)
    found = removable(workspace)
    assert sum(item.bytes for item in found) < 1000
    remove(workspace, found)
    assert (precious / "data").stat().st_size == 100_000
    assert list(workspace.checkpoints.iterdir()) == []


def test_a_folder_that_leads_out_of_the_workspace_is_left_alone(workspace, tmp_path):
    away = tmp_path / "big disk"
    (away / "pixels").mkdir(parents=True)
    workspace.cache.rmdir()
    workspace.cache.symlink_to(away)
    assert removable(workspace, ["cache"]) == []
    assert linked_away(workspace) == [workspace.cache]


def test_what_a_running_job_needs_is_refused(workspace):
    add_run(workspace, "one")
    (workspace.cache / "pixels").write_bytes(bytes(5))
    job = create_job(workspace, "evaluate", Settings(), {"run": "one"})
    with claim(job):
        for item in removable(workspace, ["run", "cache", "job"]):
            assert item.in_use == job.name
            with pytest.raises(FextError, match="in use by job"):
                remove(workspace, [item])
    (job / "events.jsonl").touch()
    remove(workspace, removable(workspace))
    assert list(workspace.jobs.iterdir()) == list(workspace.checkpoints.iterdir()) == []


def test_names_that_are_not_text_are_shown_and_removed(workspace):
    (workspace.checkpoints / "a\nb").mkdir()
    item = removable(workspace, ["run"])[0]
    assert item.name == r"a\nb"
    remove(workspace, [item])
    assert list(workspace.checkpoints.iterdir()) == []


def test_backup_is_a_whole_database_also_while_another_writes(workspace):
    add_run(workspace, "one")
    with open_records(workspace.database) as records:
        records.connection.execute("BEGIN IMMEDIATE")
        records.connection.execute("DELETE FROM runs")
        copy = back_up(workspace)
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("SELECT name FROM runs").fetchall() == [("one",)]
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [p.name for p in copy.parent.iterdir()] == [copy.name]


def test_vacuum_gives_space_back(workspace):
    with open_records(workspace.database) as records, records.connection as connection:
        connection.execute("CREATE TABLE big (data BLOB)")
        connection.execute("INSERT INTO big VALUES (zeroblob(1000000))")
    with open_records(workspace.database) as records, records.connection as connection:
        connection.execute("DROP TABLE big")
    before, after = vacuum(workspace)
    assert after < before - 900_000


def test_every_table_is_exported(workspace):
    add_run(workspace, 'a "name", with\nall')
    folder = export_tables(workspace)
    with (folder / "runs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["name"] == 'a "name", with\nall'
    assert {"runs.csv", "epochs.csv", "jobs.csv", "images.csv"} <= {p.name for p in folder.iterdir()}


@pytest.mark.parametrize("task", [back_up, vacuum, export_tables])
def test_without_a_database_it_says_so_and_makes_none(workspace, task):
    with pytest.raises(FextError, match="no database yet"):
        task(workspace)
    assert not workspace.database.exists()


def test_console_asks_and_deletes_only_after_a_yes(workspace, monkeypatch, capsys):
    log = workspace.logs / "fext.log"
    log.write_bytes(bytes(1500))
    answer(monkeypatch, "1", "n", "q")
    assert main(["--resources", str(workspace.root)]) == 0
    assert log.exists()
    assert "logs/fext.log" in (shown := capsys.readouterr().out)
    assert "1.5 kB" in shown
    answer(monkeypatch, "1", "y")  # then the input ends
    assert main(["--resources", str(workspace.root)]) == 0
    assert not log.exists()


def test_console_removes_the_runs_one_picks(workspace, monkeypatch, capsys):
    for name in ("a", "b", "c", "d"):
        add_run(workspace, name)
    answer(monkeypatch, "4", "1 3-9", "4", "x", "4", "1, 3-4", "y", "99", "q")
    assert main(["--resources", str(workspace.root)]) == 0
    assert [p.name for p in workspace.checkpoints.iterdir()] == ["b"]
    shown = capsys.readouterr().out
    assert "3-9 is not in the list" in shown
    assert "'x' is no number" in shown
    assert "3.0 kB freed" in shown


def test_console_says_what_does_not_work_and_goes_on(workspace, monkeypatch, capsys):
    answer(monkeypatch, "8", "9", "10", "q")
    assert main(["--resources", str(workspace.root)]) == 0
    assert capsys.readouterr().out.count("That did not work: there is no database yet") == 3


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path):
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-b", "main")
    (origin / "file").write_text("1")
    git(origin, "add", "file")
    git(origin, "commit", "-m", "first")
    git(tmp_path, "clone", "origin", "clone")
    (origin / "file").write_text("2")
    git(origin, "commit", "-a", "-m", "second")
    return tmp_path / "clone"


def test_update_fast_forwards_a_clean_clone(clone):
    assert [title.split(" ", 1)[1] for title in incoming_changes(clone)] == ["second"]
    assert update(clone).endswith("second")
    assert (clone / "file").read_text() == "2"
    assert incoming_changes(clone) == []


def test_update_refuses_local_changes_and_commits(clone):
    (clone / "file").write_text("mine")
    with pytest.raises(FextError, match="local changes, such as file"):
        update(clone)
    assert (clone / "file").read_text() == "mine"
    git(clone, "commit", "-a", "-m", "mine")
    with pytest.raises(FextError, match="commits that its remote lacks"):
        update(clone)


def test_update_of_what_is_no_clone(tmp_path):
    with pytest.raises(FextError, match="no git clone"):
        update(tmp_path)


def test_uninstall_removes_the_environment_and_refuses_a_link(tmp_path):
    (tmp_path / "real" / "bin").mkdir(parents=True)
    (tmp_path / ".venv").symlink_to(tmp_path / "real")
    with pytest.raises(FextError, match="is a link"):
        remove_environment(tmp_path / ".venv")
    remove_environment(tmp_path / "real")
    assert not (tmp_path / "real").exists()


def test_only_the_projects_own_environment_counts(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert environment_folder() is None
