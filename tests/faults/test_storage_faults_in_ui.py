"""The terminal UI on storage with faults: it opens or says why, and a fault amid its work is a notice."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest
from app_driver import make_images, make_run, notices, opened, press, screen_text, until
from disks import read_only
from recorded_dataset import make_recorded

from fext_engine.records import database, open_records
from fext_engine.workspace import Workspace, find_workspace
from fext_tui.widgets.row_list import RowList

pytestmark = pytest.mark.skipif(os.name == "nt", reason="files that are renamed while they are open")


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    made = find_workspace(tmp_path / "resources")
    make_images(made.images, 4)
    make_run(made, "first")
    return made


async def to_the_runs(app, pilot):
    await press(pilot, "2")
    return await until(pilot, lambda: app.screen.query("#runs"), "the list of runs")


@pytest.mark.slow
async def test_it_opens_on_read_only_resources(workspace, tmp_path, fault_table):
    with read_only(workspace.root, tmp_path / "seen") as seen:
        async with opened(Workspace(seen)) as (app, pilot):
            await to_the_runs(app, pilot)
            await until(pilot, lambda: "first" in screen_text(app), "the runs")
            await press(pilot, "t")
            await until(pilot, lambda: any("Read-only" in n and str(seen) in n for n in notices(app)), "the notice")
    fault_table(fault="resources read-only", where="UI", saw="it opens; a notice says what cannot start", lost="nothing")


async def test_it_opens_on_a_damaged_database_and_says_so(workspace, fault_table):
    (workspace.run("first") / "configuration.toml").write_bytes((workspace.configurations / "quick.toml").read_bytes())
    workspace.database.write_bytes(os.urandom(9000))
    async with opened(workspace) as (app, pilot):
        await until(pilot, lambda: any("was moved to fext_damaged_" in n and "1 run" in n for n in notices(app)), "the notice")
        await to_the_runs(app, pilot)
        await until(pilot, lambda: "first" in screen_text(app), "the runs")
    fault_table(fault="database damaged: garbage", where="UI", saw="a notice", lost="figures of images")


async def test_a_locked_database_is_a_sentence(workspace, monkeypatch, fault_table):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(workspace.database, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN IMMEDIATE")
        holder.execute("UPDATE runs SET note = ''")
        async with opened(workspace) as (app, pilot):
            await until(pilot, lambda: "is locked by" in " ".join(screen_text(app).split()), "the words")
            await to_the_runs(app, pilot)
            await until(pilot, lambda: any(str(workspace.database) in n and "is locked" in n for n in notices(app)), "the notice")
    fault_table(fault="database locked for long", where="UI", saw="a sentence with the file", lost="nothing")


async def test_a_page_that_breaks_under_an_open_list_empties_it_with_a_notice(workspace, fault_table):
    make_recorded(workspace)
    async with opened(workspace) as (app, pilot):
        rows = app.screen.query_one("#images", RowList)
        source = rows.source
        assert source.rows(0, 1)[0][0] != "(no longer there)"
        with open_records(workspace.database) as records:
            page = records.connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'images'").fetchone()[0]
            records.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with workspace.database.open("rb+") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
        with open_records(workspace.database) as records:  # lets the others look at the file again
            records.connection.execute("UPDATE jobs SET told = 1")
            records.connection.execute("PRAGMA user_version").fetchone()
            records.connection.commit()
        source._records._records.connection.execute("PRAGMA shrink_memory")
        assert source.rows(0, 1) == [["(no longer there)"]]
        await until(pilot, lambda: any("was damaged" in n and "fext_damaged_" in n for n in notices(app)), "the notice")
        await press(pilot, "down", "end", "home")
        assert app.is_running
    fault_table(fault="database damaged: bad page", where="a list of the UI", saw="a notice", lost="figures of images")
