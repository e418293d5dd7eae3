"""The maintenance dialog: sizes, picking, questions, the database's care, and leaving to update or uninstall."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sqlite3
import subprocess
import tarfile
import threading

import pytest
from app_driver import make_run, notices, opened, press, screen_text, text_of, until

from fext_engine.jobs.folder import claim, create_job
from fext_engine.maintenance import weighing
from fext_engine.maintenance.project_files import note_files
from fext_engine.settings import Settings
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.dialogs.maintenance import ENTRIES, MaintenanceDialog
from fext_tui.dialogs.remove import RemoveDialog
from fext_tui.dialogs.uninstall import UninstallDialog
from fext_tui.dialogs.update import ArchiveDialog
from fext_tui.widgets.path_input import PathInput

ODD = "[red]x[bold] \x1b[0m"


@contextlib.asynccontextmanager
async def maintenance(workspace, size=(120, 40)):
    """The app with the dialog open, everything added up."""
    async with opened(workspace, size) as (app, pilot):
        await press(pilot, "M")
        measured = {entry.name for entry in ENTRIES if entry.kinds}
        await until(pilot, lambda: getattr(app.screen, "found", {}).keys() == measured, "all sizes")
        yield app, pilot


async def agree(app, pilot, *expected):
    """Check what the question says, and say yes."""
    await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
    for words in expected:
        assert words in app.screen._question
    await press(pilot, "y")


@pytest.fixture
def workspace_with_runs(with_images):
    for name in ("one", "two", ODD):
        (make_run(with_images, name) / "weights").write_bytes(bytes(50_000))
    return with_images


async def test_every_entry_is_in_sight_and_a_long_question_scrolls_and_the_database_is_cared_for(
    workspace_with_runs, monkeypatch, tmp_path
):
    shell = tmp_path / "sqlite3"
    shell.write_text(f"#!/bin/sh\necho \"$*\" >'{tmp_path}/opened'\n")
    shell.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    workspace, folder = workspace_with_runs, workspace_with_runs.database.parent
    (workspace.cache / "a.npy").write_bytes(bytes(2_000_000))
    for n in range(60):
        (workspace.logs / f"crash_{n:02}.txt").write_bytes(bytes(100 - n))
    async with maintenance(workspace, (80, 24)) as (app, pilot):
        shown = screen_text(app)
        for entry in ENTRIES:
            assert f" {app.key(f'maintenance.{entry.name}')}   {entry.title[:30]}" in shown
        assert "1, 2.0 MB" in shown and "3, 15" in shown and "esc Close" in shown
        await press(pilot, "c", "n")
        assert (workspace.cache / "a.npy").exists()
        await press(pilot, "c")
        await agree(app, pilot, "2.0 MB", str(workspace.cache / "a.npy"))
        await until(pilot, lambda: not (workspace.cache / "a.npy").exists(), "the removal")
        await press(pilot, "l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        assert "crash_00" in screen_text(app) and "crash_59" not in screen_text(app) and "Delete (y)" in screen_text(app)
        await press(pilot, *["pagedown"] * 20)
        assert "crash_59" in screen_text(app) and "Delete (y)" in screen_text(app)
        await press(pilot, "n")
        await press(pilot, "b")
        await agree(app, pilot, str(workspace.database), "Nothing is deleted")
        await until(pilot, lambda: any("backups" in notice for notice in notices(app)), "the copy")
        await press(pilot, "v")
        await agree(app, pilot, "without its gaps")
        await until(pilot, lambda: any("before" in notice for notice in notices(app)), "the vacuum")
        await press(pilot, "t")
        await agree(app, pilot, "CSV")
        await until(pilot, lambda: any("tables_" in notice for notice in notices(app)), "the tables")
        await press(pilot, "s")
        assert "cannot be lent" in notices(app)[-1]  # a test has no terminal
        lent = []

        @contextlib.contextmanager
        def suspend():
            lent.append("lent")
            yield
            lent.append("back")

        monkeypatch.setattr(app, "suspend", suspend)
        await press(pilot, "s")
        assert lent == ["lent", "back"] and isinstance(app.screen, MaintenanceDialog)
    if os.name != "nt":
        assert (tmp_path / "opened").read_text().strip() == str(workspace.database)
    copy = next((folder / "backups").glob("fext_*.sqlite"))
    with contextlib.closing(sqlite3.connect(copy)) as opened_copy:
        assert opened_copy.execute("SELECT count(*) FROM runs").fetchone() == (3,)
    assert len(list(folder.glob("tables_*/runs.csv"))) == 1


async def test_runs_are_picked_from_a_list_and_only_those_go(workspace_with_runs):
    workspace = workspace_with_runs
    for name, size in (("a", 5), ("b", 900)):
        (workspace.inference / name).mkdir()
        (workspace.inference / name / "manifest.json").write_bytes(bytes(size))
    job = create_job(workspace, "evaluate", Settings(), {"run": "two"})
    with claim(job):
        async with maintenance(workspace) as (app, pilot):
            await press(pilot, "r")
            assert isinstance(app.screen, RemoveDialog) and job.name[:8] in screen_text(app)
            await press(pilot, "a")
            assert "2 marked" in text_of(app, "#removable-total")
            await press(pilot, "d")
            await agree(app, pilot, str(workspace.run("one")), "KB in all", r"\x1b[0m")
            await until(pilot, lambda: not workspace.run("one").exists(), "the removal")
            await until(pilot, lambda: [i.name for i in app.screen.found["runs"]] == ["two"], "the sizes anew")
            await press(pilot, "r", "enter")
            assert "uses it: stop the job first" in notices(app)[-1]
            await press(pilot, "escape", "e", "down", "enter")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
            await press(pilot, "n")
            assert (workspace.inference / "a").exists()
            await press(pilot, "e", "down", "enter")  # without marks the one under the cursor
            await agree(app, pilot, "5 B", str(workspace.inference / "a"))
            await until(pilot, lambda: not (workspace.inference / "a").exists(), "the removal")
    assert (workspace.inference / "b").exists()
    assert [p.name for p in workspace.checkpoints.iterdir()] == ["two"]
    with contextlib.closing(sqlite3.connect(workspace.database)) as opened_database:
        assert ("one",) not in opened_database.execute("SELECT name FROM runs").fetchall()


async def test_a_large_cache_is_counted_aside_and_closing_ends_that(with_images, monkeypatch):
    monkeypatch.setattr(weighing, "WATCH_FILES", 1)
    for n in range(3):
        (with_images.cache / str(n)).write_bytes(bytes(4))
    begun, go, counted = threading.Event(), threading.Event(), []

    def count(dialog, title, told, files, held):
        if "cache" in title.lower():
            counted.append(files)
            begun.set()
            go.wait(30)
        return before(dialog, title, told, files, held)

    before = MaintenanceDialog._count
    monkeypatch.setattr(MaintenanceDialog, "_count", count)
    async with opened(with_images) as (app, pilot):
        await press(pilot, "M")
        await until(pilot, begun.is_set, "the counting")
        await press(pilot, "c")
        assert "still being added up" in notices(app)[-1]
        dialog = app.screen
        await press(pilot, "escape")  # keys are answered while it counts
        assert app.screen is not dialog
        go.set()
        await until(pilot, lambda: all(worker.is_finished for worker in app.workers), "the end of the counting")
    assert counted == [1]


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.slow
async def test_an_update_by_git_shows_what_comes_and_is_done_when_the_app_has_closed(with_images, monkeypatch, tmp_path, capsys):
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "-b", "main")
    (origin / "file").write_text("1")
    git(origin, "add", ".")
    git(origin, "commit", "-m", "first")
    git(tmp_path, "clone", "origin", "clone")
    monkeypatch.setattr("fext_engine.maintenance.software.project_folder", lambda: clone)
    async with maintenance(with_images) as (app, pilot):
        await press(pilot, "u")
        await until(pilot, lambda: any("up to date" in notice for notice in notices(app)), "the answer")
        (origin / "file").write_text("2")
        git(origin, "commit", "-a", "-m", f"second {ODD}")
        await press(pilot, "u")
        await agree(app, pilot, "second [red]x[bold] \\x1b[0m", "pull --ff-only")
        await until(pilot, lambda: not app.is_running, "the end of the app")
    assert (clone / "file").read_text() == "1"
    assert app.last_work() == 0
    assert (clone / "file").read_text() == "2"
    assert "Start FeXT anew" in capsys.readouterr().out


@pytest.mark.slow
async def test_an_update_from_an_archive_is_checked_and_shown_before_the_app_closes(with_images, monkeypatch, tmp_path):
    project = tmp_path / "fext"
    files = {"pyproject.toml": '[project]\nname = "fext"\nversion = "9.0"\n', "run.sh": "new", "fext_engine/__init__.py": ""}
    for name, text in {**files, "run.sh": "old"}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    note_files(project)
    archive = tmp_path / "fext-9.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"fext-9.0/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setattr("fext_engine.maintenance.software.project_folder", lambda: project)
    async with maintenance(with_images) as (app, pilot):
        await press(pilot, "u")
        await until(pilot, lambda: isinstance(app.screen, ArchiveDialog), "the dialog")
        app.screen.query_one(PathInput).value = str(archive)
        await press(pilot, "enter")
        await until(pilot, lambda: ".sha256 beside" in screen_text(app), "the refusal")
        app.screen.query_one("#checksum").value = hashlib.sha256(archive.read_bytes()).hexdigest()
        await press(pilot, "enter")
        await agree(app, pilot, "becomes 9.0: 1 file changed", "database are not touched")
        await until(pilot, lambda: not app.is_running, "the end of the app")
    assert (project / "run.sh").read_text() == "old"
    assert app.last_work() == 0
    assert (project / "run.sh").read_text() == "new"


async def test_uninstalling_asks_by_name_and_is_done_when_the_app_has_closed(workspace_with_runs, monkeypatch, tmp_path):
    workspace, environment = workspace_with_runs, tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").write_bytes(bytes(3000))
    monkeypatch.setattr("fext_engine.maintenance.software.environment_folder", lambda: environment)
    async with maintenance(workspace, (80, 24)) as (app, pilot):
        await press(pilot, "U")
        await until(pilot, lambda: isinstance(app.screen, UninstallDialog), "the dialog")
        shown = screen_text(app)
        assert all(name in shown for name in ("logs", "database", "names of what is to go", "esc goes back"))
        await press(pilot, *"all", "enter")
        assert "there is no 'all'" in notices(app)[-1]
        await press(pilot, "ctrl+u", *"runs", "enter")
        await agree(app, pilot, f"{environment}: the Python environment, 3.0 kB", "runs: 15", "All else stays")
        await until(pilot, lambda: not app.is_running, "the end of the app")
    assert environment.exists() and workspace.run("one").exists()
    assert app.last_work() == 0
    assert not environment.exists() and not workspace.run("one").exists()
    assert list(workspace.images.iterdir())
