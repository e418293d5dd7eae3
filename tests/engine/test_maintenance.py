"""Housekeeping: what can be removed and what must stay, care of the database, and the console's answers."""

from __future__ import annotations

import csv
import os
import sqlite3
import time
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
from fext_engine.maintenance.uninstall import PARTS, plan_uninstall, remove_environment
from fext_engine.records import open_records
from fext_engine.records.runs import RunRecord, add_epoch, list_runs, upsert_run
from fext_engine.settings import Settings
from fext_engine.training.run_folder import RunFolder
from fext_engine.workspace import STOCK_PRESETS, find_workspace


@pytest.fixture
def workspace(tmp_path):
    return find_workspace(tmp_path / "resources")


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
    (workspace.cache / ".pixels.12.tmp").mkdir()  # of a removal that was killed
    found = {(item.kind, item.name): item.bytes for item in removable(workspace)}
    assert found == {
        ("log", "fext.log"): 70, ("cache", "pixels"): 500, ("run", "one"): 1000, ("encoding", "enc"): 2,
        ("unfinished", ".enc2.partial"): 0, ("leftover", ".two.abc.tmp"): 0, ("leftover", ".pixels.12.tmp"): 0,
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


def test_logs_and_encodings_that_a_running_job_needs_are_kept(workspace):
    for name in ("fext.log", "fext.log.1"):
        (workspace.logs / name).touch()
    for name in ("a", "b", "c"):
        (workspace.inference / name).mkdir()
        (workspace.inference / name / "manifest.json").touch()
    asked = {"encoding": "a", "reference": str(workspace.inference / "b")}
    with claim(create_job(workspace, "anomalies", Settings(), asked)):
        used = {item.name for item in removable(workspace, ["log", "encoding"]) if item.in_use}
    assert used == {"fext.log", "a", "b"}
    with claim(create_job(workspace, "encode", Settings(), {"run": "r", "update": True})):
        assert all(item.in_use for item in removable(workspace, ["encoding"]))
    for job in workspace.jobs.iterdir():
        (job / "events.jsonl").touch()  # both are over
    assert not any(item.in_use for item in removable(workspace))


def test_a_run_that_another_machine_trains_is_kept(workspace):
    folder = add_run(workspace, "one")
    items = removable(workspace, ["run"])
    with RunFolder(folder).locked(), pytest.raises(FextError, match="another job works on the run one"):
        remove(workspace, items)
    assert folder.is_dir()


def test_counting_says_how_far_it_is_and_can_be_ended(workspace, monkeypatch):
    monkeypatch.setattr("fext_engine.maintenance.weighing.WATCH_FILES", 10)
    for n in range(25):
        (workspace.cache / str(n)).write_bytes(bytes(4))
    told = []
    removable(workspace, ["cache"], lambda *counted: told.append(counted))
    assert told == [(10, 40), (20, 80)]
    with pytest.raises(ZeroDivisionError):
        removable(workspace, ["cache"], lambda _files, _bytes: 1 / 0)


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


def test_backup_is_of_one_state_though_another_writes_between_its_steps(workspace, monkeypatch):
    monkeypatch.setattr("fext_engine.maintenance.database._PAGES", 1)
    add_run(workspace, "one")
    done = []
    with open_records(workspace.database) as records:

        def write(copied, total):
            done.append(copied)
            assert len(done) < 1000, "it begins anew for ever"
            with records.connection as connection:
                connection.execute("UPDATE runs SET name = ?", (f"run {len(done)}",))
                connection.execute("UPDATE epochs SET run = ?", (f"run {len(done)}",))

        records.connection.execute("PRAGMA foreign_keys = OFF")
        copy = back_up(workspace, write)
    assert len(done) > 10 and done == sorted(done)  # it never began anew
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("SELECT name, run FROM runs, epochs").fetchall() == [("one", "one")]


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


def test_console_takes_no_nonsense_for_a_number(workspace, monkeypatch, capsys):
    add_run(workspace, "one [red]\x1b[0m")
    answer(monkeypatch, "²", "9" * 5000, "-1", "0", "\x1b[31m", "4", "²", "4", "1-" + "9" * 5000, "4", "1", "", "q")
    assert main(["--resources", str(workspace.root)]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert r"one [red]\x1b[0m" in shown
    assert shown.count("That did not work") == 2
    assert len(list(workspace.checkpoints.iterdir())) == 1


def test_console_ends_at_ctrl_c_and_outlives_bytes_that_are_no_text(workspace, monkeypatch, capsys):
    typed = iter([UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), KeyboardInterrupt()])

    def type_next(_question):
        raise next(typed)

    monkeypatch.setattr("builtins.input", type_next)
    assert main(["--resources", str(workspace.root)]) == 130
    assert "no text in this terminal's encoding" in capsys.readouterr().out


def test_console_says_what_the_care_of_the_database_does_and_asks(workspace, monkeypatch, capsys):
    add_run(workspace, "one")
    answer(monkeypatch, "8", "n", "9", "", "10", "no")
    main(["--resources", str(workspace.root)])
    shown = capsys.readouterr().out
    assert shown.count("Nothing is deleted") == shown.count("Nothing was done") == 3
    assert {p.name for p in workspace.database.parent.iterdir()} == {"fext.sqlite"}
    answer(monkeypatch, "8", "y", "9", "y", "10", "y")
    main(["--resources", str(workspace.root)])
    made = {p.name.split("_")[0] for p in workspace.database.parent.iterdir()}
    assert made >= {"fext.sqlite", "backups", "tables"}


def program(folder, name, script):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="its programs are scripts")
def test_console_opens_the_database_in_what_is_installed(workspace, monkeypatch, capfd, tmp_path):
    add_run(workspace, "one")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    answer(monkeypatch, "11", "12")
    main(["--resources", str(workspace.root)])
    assert "sqlite3 is not installed" in (shown := capfd.readouterr().out)
    assert "DB Browser is not installed" in shown
    program(tmp_path, "sqlite3", 'kill -INT "$PPID"; echo "shell on $*"')  # Ctrl-C reaches FeXT too
    program(tmp_path, "sqlitebrowser", f"echo \"$1\" >'{tmp_path}/shown.tmp'; /bin/mv '{tmp_path}/shown.tmp' '{tmp_path}/shown'")
    answer(monkeypatch, "11", "12")
    assert main(["--resources", str(workspace.root)]) == 0
    assert f"shell on {workspace.database}" in (shown := capfd.readouterr().out)
    assert "needs a display" in shown
    monkeypatch.setenv("DISPLAY", ":0")
    answer(monkeypatch, "12")
    main(["--resources", str(workspace.root)])
    end = time.monotonic() + 30
    while not (tmp_path / "shown").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert (tmp_path / "shown").read_text().strip() == str(workspace.database)


@pytest.fixture
def installed(workspace, tmp_path, monkeypatch):
    """An environment to uninstall, and data of every kind."""
    environment = tmp_path / "fext" / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").write_bytes(bytes(5000))
    monkeypatch.setattr("fext_engine.maintenance.software.environment_folder", lambda: environment)
    add_run(workspace, "one")
    (workspace.images / "cats").mkdir()
    (workspace.images / "cats" / "a.png").write_bytes(bytes(70))
    (workspace.inference / "enc").mkdir()
    (workspace.inference / "enc" / "manifest.json").write_bytes(b"{}")
    (workspace.inference / "b.png").write_bytes(bytes(30))
    (workspace.configurations / "mine.toml").touch()
    (workspace.logs / "fext.log").write_bytes(bytes(9))
    workspace.ui_file.touch()
    return environment


def test_uninstall_takes_the_environment_and_of_the_data_what_is_named(workspace, installed, monkeypatch, capsys):
    answer(monkeypatch, "14", "everything", "14", "Settings, encodings", "n", "14", "Settings, encodings", "y")
    assert main(["--resources", str(workspace.root)]) == 0
    shown = capsys.readouterr().out
    assert "there is no 'everything'; name some of logs, caches" in shown
    assert f"{installed}: the Python environment, 5.0 kB\n  settings: 0 B, 2 items: a preset of yours" in shown
    assert "Nothing was done" in shown
    assert not installed.exists()
    assert [p.name for p in workspace.inference.iterdir()] == ["b.png"]
    assert {p.stem for p in workspace.configurations.iterdir()} == set(STOCK_PRESETS)
    assert (workspace.images / "cats" / "a.png").exists() and workspace.run("one").is_dir()


def test_uninstall_of_everything_that_has_a_name(workspace, installed, monkeypatch):
    sizes = {part.name: part.bytes for part in plan_uninstall(workspace).parts}
    assert (sizes["images"], sizes["encodings"], sizes["runs"], sizes["logs"]) == (100, 2, 1000, 9)
    answer(monkeypatch, "14", " ".join(PARTS), "y")
    assert main(["--resources", str(workspace.root)]) == 0
    assert not installed.exists()
    left = [p for p in workspace.root.rglob("*") if p.is_file()]
    assert {p.parent.name for p in left} == {"configurations", "docs", "templates"}


def test_uninstall_waits_for_jobs(workspace, installed, monkeypatch, capsys):
    job = create_job(workspace, "analyze", Settings(), {})
    with claim(job):
        answer(monkeypatch, "14", "", "y")
        main(["--resources", str(workspace.root)])
    assert f"job {job.name} runs with the FeXT that is installed; wait" in capsys.readouterr().out
    assert installed.exists()


def test_console_says_what_does_not_work_and_goes_on(workspace, monkeypatch, capsys):
    answer(monkeypatch, "8", "9", "10", "q")
    assert main(["--resources", str(workspace.root)]) == 0
    assert capsys.readouterr().out.count("That did not work: there is no database yet") == 3


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
