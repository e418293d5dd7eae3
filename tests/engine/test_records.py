"""The database: migrations, several processes at once, and files that are no database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from fext_engine.errors import FextError
from fext_engine.records import database, open_records
from fext_engine.records.jobs import record_end, record_start
from fext_engine.records.measure_schema import CHANNEL_MEASURES
from fext_engine.records.schema import MIGRATIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fext.sqlite"


def version(path) -> int:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


def schema(path) -> list[tuple]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    finally:
        connection.close()


def test_a_new_database_has_the_newest_version_and_wal(path):
    with open_records(path) as records:
        assert records.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert records.connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert version(path) == len(MIGRATIONS)


def test_every_older_version_is_brought_up_to_date_with_what_it_holds(tmp_path, monkeypatch):
    with open_records(tmp_path / "new.sqlite"):
        pass
    for old in range(1, len(MIGRATIONS) + 1):
        path = tmp_path / f"{old}.sqlite"
        with monkeypatch.context() as patch:
            patch.setattr(database, "MIGRATIONS", MIGRATIONS[:old])
            with open_records(path) as records:
                record_start(records, "a-job", "train", None)
            assert version(path) == old
        with open_records(path) as records:
            assert records.connection.execute("SELECT id FROM jobs").fetchone()["id"] == "a-job"
        assert schema(path) == schema(tmp_path / "new.sqlite")


def test_a_migration_that_fails_leaves_the_old_version(path, monkeypatch):
    with open_records(path):
        pass
    before = schema(path)
    broken = "CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT;\nCREATE TABLE jobs (id TEXT) STRICT;\n"
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(FextError, match="cannot use the database"):
        open_records(path)
    assert version(path) == len(MIGRATIONS)
    assert schema(path) == before


def test_a_newer_database_is_refused_and_left_alone(path):
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(FextError, match="written by a newer FeXT; update FeXT"):
        open_records(path)
    assert schema(path) == []


def test_many_processes_open_create_and_write_at_once(path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom fext_engine.records import open_records\n"
        "from fext_engine.records.jobs import record_start\n"
        "for i in range(20):\n"
        "    with open_records(Path(sys.argv[1])) as records:\n"
        "        record_start(records, f'{sys.argv[2]}-{i}', 'train', None)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(n)], env=environment) for n in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    with open_records(path) as records:
        assert records.connection.execute("SELECT count(*) FROM jobs").fetchone()[0] == 80


@pytest.mark.parametrize("content", [b"this is no database" * 100, bytes(range(256)) * 32], ids=["text", "bytes"])
def test_a_file_that_is_no_database_is_moved_aside_as_it_was(path, content):
    path.write_bytes(content)
    with open_records(path) as records:
        record_start(records, "a-job", "train", None)
    (aside,) = path.parent.glob("fext_damaged_*.sqlite")
    assert aside.read_bytes() == content


def test_a_folder_in_the_way_or_missing_is_told(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "none" / "fext.sqlite"):
        with pytest.raises(FextError, match="cannot open the database"):
            open_records(path)


def test_jobs_are_recorded_from_start_to_end(path):
    with open_records(path) as records:
        record_start(records, "j", "train", None)
        record_end(records, "j", "failed", "out of memory", "run_1")
        row = dict(records.connection.execute("SELECT * FROM jobs").fetchone())
    assert (row["state"], row["run"], row["message"]) == ("failed", "run_1", "out of memory")
    assert row["ended_at"] >= row["started_at"]


def test_images_measured_before_the_channels_had_all_measures_are_measured_again(path, monkeypatch):
    before = MIGRATIONS.index(CHANNEL_MEASURES)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:before])
        with open_records(path) as records, records.connection as connection:
            connection.execute("INSERT INTO image_roots (id, path) VALUES (1, '/in')")
            for name, status in (("a.jpg", "ok"), ("b.jpg", "empty")):
                connection.execute(
                    "INSERT INTO images (root_id, path, class, bytes, mtime_ns, scan, status) "
                    "VALUES (1, ?, '', 1, 1, 1, ?)",
                    (name, status),
                )
            columns = [row["name"] for row in connection.execute("PRAGMA table_info(image_statistics)")]
            marks = ", ".join("1" for _ in columns)
            connection.execute(f"INSERT INTO image_statistics VALUES ({marks})")
    with open_records(path) as records:
        found = dict(map(tuple, records.connection.execute("SELECT path, status FROM images")))
        assert found == {"a.jpg": "pending", "b.jpg": "empty"}
        assert records.connection.execute("SELECT count(red_median) FROM image_statistics").fetchone()[0] == 0
