"""A database that is damaged, missing or locked: moved aside, made anew from the files, and said so."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from own_process import in_own_process
from tiny_training import at_step, make_images, small_settings, train

from fext_engine.cli import main
from fext_engine.errors import FextError
from fext_engine.jobs.events import EventReader
from fext_engine.jobs.run import run_here
from fext_engine.records import database, exclusions, open_records, recovery, with_records
from fext_engine.records.jobs import record_start
from fext_engine.records.runs import list_runs
from fext_engine.records.salvage import read_damaged
from fext_engine.workspace import Workspace

posix = pytest.mark.skipif(os.name == "nt", reason="forks, and files that are renamed while they are open")
pytestmark = posix
KEPT = (
    "runs", "epochs", "encodings", "jobs", "reports", "report_statistics", "report_drift", "report_classes",
    "report_class_statistics", "report_distributions", "report_issues",
)  # fmt: skip
TIMES = {"id", "report_id", "started_at", "updated_at", "ended_at", "created_at", "told"}


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory) -> Workspace:
    """A workspace with a run, an encoding, a report, their jobs, and an image that was excluded since."""
    place = tmp_path_factory.mktemp("lived_in")
    images = str(make_images(place / "images", 16))
    workspace = Workspace(place / "resources")
    workspace.create()
    train(workspace, "first", training__epochs=1, dataset__images=images)
    run_here(workspace, "analyze", small_settings(dataset__images=images, device__num_workers=0))
    run_here(
        workspace, "encode", small_settings(), {"run": "first", "input": images, "output": str(place / "vectors")}
    )
    with open_records(workspace.database) as records:
        exclusions.exclude(records, Path(images), ["a/000.png"], "too dark")
        records.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return workspace


@pytest.fixture
def workspace(lived_in, tmp_path) -> Workspace:
    shutil.copytree(lived_in.root, tmp_path / "resources")
    return Workspace(tmp_path / "resources")


def contents(path: Path) -> dict[str, list[dict]]:
    """What is recorded of things that have files, without what tells one writing from another."""
    with open_records(path) as records:
        return {
            table: sorted(
                (
                    {name: value for name, value in dict(row).items() if name not in TIMES}
                    for row in records.connection.execute(f"SELECT * FROM {table}")
                ),
                key=repr,
            )
            for table in KEPT
        }  # fmt: skip


def pages_of(path: Path, table: str) -> list[int]:
    """The first byte of each page of a table, by what a small database keeps of itself: its root page's children."""
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    data = path.read_bytes()[(root - 1) * size : root * size]
    if data[0] != 5:  # not an interior page
        return [(root - 1) * size]
    cells = int.from_bytes(data[3:5], "big")
    pointers = [int.from_bytes(data[12 + 2 * i : 14 + 2 * i], "big") for i in range(cells)]
    return [(int.from_bytes(data[p : p + 4], "big") - 1) * size for p in pointers]


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("rb+") as file:
        file.seek(offset)
        file.write(data)


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def bad_page(path: Path) -> None:
    """Which only a question about the runs finds."""
    overwrite(path, pages_of(path, "runs")[0], b"\xff" * 512)


def aside(workspace: Workspace) -> list[Path]:
    return sorted(workspace.database.parent.glob("fext_damaged_*.sqlite"))


def fext(capsys, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("damage", [garbage, cut, bad_page])
def test_it_is_moved_aside_and_made_anew_with_one_line(workspace, damage, capsys, fault_table):
    before = contents(workspace.database)
    assert all(rows for table, rows in before.items() if table != "report_drift")  # a side is too small for that
    damage(workspace.database)
    damaged = workspace.database.read_bytes()
    code, out, err = fext(capsys, "runs", "--resources", str(workspace.root))
    assert code == 0 and "first" in out and "finished" in out
    (kept,) = aside(workspace)
    assert kept.read_bytes() == damaged
    assert len(err.splitlines()) == 1
    assert str(workspace.database) in err and kept.name in err and "1 run, 1 encoding, 1 report, 3 jobs" in err
    assert "`fext analyze` again" in err
    assert contents(workspace.database) == before
    assert fext(capsys, "runs", "--resources", str(workspace.root))[2] == ""
    left = {p.name for p in workspace.database.parent.iterdir() if not p.name.startswith("fext_damaged")}
    assert {name.removesuffix("-wal").removesuffix("-shm") for name in left} <= {"fext.sqlite", "fext.sqlite.lock"}
    fault_table(
        fault=f"database damaged: {damage.__name__.replace('_', ' ')}", where="fext runs",
        saw="one line: moved to fext_damaged_<time>.sqlite, what the new one holds; exit code 0",
        lost="figures of images, until `fext analyze` runs again",
    )  # fmt: skip


def test_exclusions_are_read_out_of_it_and_come_back_with_the_images(workspace, lived_in):
    images = lived_in.root.parent / "images"
    bad_page(workspace.database)
    with pytest.raises(database.DatabaseRebuilt), open_records(workspace.database) as records:
        list_runs(records)
    with open_records(workspace.database) as records:
        assert list(exclusions.excluded_paths(records, images)) == ["a/000.png"]
    settings = small_settings(dataset__images=str(images), device__num_workers=0)
    assert run_here(workspace, "analyze", settings)["excluded"] == 1
    with open_records(workspace.database) as records:
        row = records.connection.execute("SELECT path, excluded_reason FROM images WHERE excluded").fetchone()
    assert tuple(row) == ("a/000.png", "too dark")


def test_what_lies_around_a_page_that_cannot_be_read_is_kept_and_the_loss_is_said(tmp_path):
    path = tmp_path / "fext.sqlite"
    with open_records(path) as records, records.connection as connection:
        connection.execute("INSERT INTO image_roots (id, path) VALUES (7, '/in')")
        connection.executemany(
            "INSERT INTO images (root_id, path, class, bytes, mtime_ns, scan, excluded) VALUES (7, ?, '', 1, 1, 1, 1)",
            ((f"{n:05d}.png",) for n in range(5000)),
        )
    with open_records(path) as records:
        records.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = pages_of(path, "images")
    overwrite(path, pages[len(pages) // 2], b"\xff" * 4096)
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.DatabaseError, match="malformed"):
        connection.execute("SELECT sum(bytes) FROM images NOT INDEXED").fetchone()
    before = path.read_bytes()
    found = read_damaged(path)
    assert 4800 < len(found.exclusions) < 5000
    assert {image for _, image in found.exclusions} >= {"00000.png", "04999.png"}
    assert f"{len(found.exclusions)} could be read: check `fext images`" in found.lost
    assert path.read_bytes() == before


def test_processes_that_find_it_at_once_make_one_new_one(workspace):
    context = multiprocessing.get_context("fork")
    garbage(workspace.database)
    barrier, names = context.Barrier(4), context.Queue()

    def work(number: int) -> None:
        barrier.wait()
        with_records(workspace.database, lambda records: record_start(records, f"mine-{number}", "train", None))
        with open_records(workspace.database) as records:
            names.put([run.name for run in list_runs(records)])

    processes = [context.Process(target=work, args=(n,)) for n in range(4)]
    for process in processes:
        process.start()
    assert [names.get(timeout=60) for _ in processes] == [["first"]] * 4
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert len(aside(workspace)) == 1
    with open_records(workspace.database) as records:
        query = "SELECT count(*) FROM jobs WHERE id LIKE 'mine-%'"
        assert records.connection.execute(query).fetchone()[0] == 4
        assert records.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_what_is_written_while_another_process_exchanges_it_is_written_again(workspace):
    exchanged = []

    def write(records) -> None:
        if not exchanged:
            exchanged.append(True)
            code, said = in_own_process(lambda: recovery.recover(workspace.database, database.identity(workspace.database), "x"))
            assert code == 0, said
        record_start(records, "late", "train", None)

    with_records(workspace.database, write)
    with open_records(workspace.database) as records:
        assert records.connection.execute("SELECT count(*) FROM jobs WHERE id = 'late'").fetchone()[0] == 1


def test_a_training_that_it_happens_to_goes_on_and_is_recorded(workspace, lived_in, fault_table):
    events = []
    with at_step(2, lambda: garbage(workspace.database)):
        train(workspace, "second", events.append, training__epochs=1, dataset__images=str(lived_in.root.parent / "images"))
    told = [e.data["message"] for e in events if e.data.get("level") == "warning"]
    assert len([message for message in told if "was damaged" in message and "2 runs" in message]) == 1
    with open_records(workspace.database) as records:
        runs = {run.name: (run.state, run.epochs_done) for run in list_runs(records)}
        states = [row[0] for row in records.connection.execute("SELECT state FROM jobs")]
    assert runs == {"first": ("finished", 1), "second": ("finished", 1)}
    assert states == ["finished"] * 4
    fault_table(
        fault="database damaged: garbage", where="amid a training", saw="a line in the job's log; it goes on",
        lost="figures of images, until `fext analyze` runs again",
    )  # fmt: skip


@pytest.mark.parametrize("moment", ["rename", "link", "replace"])
def test_a_process_that_is_killed_at_it_leaves_it_for_the_next(workspace, moment):
    garbage(workspace.database)
    workspace.database.with_name("fext.sqlite-wal").write_bytes(b"a log")
    damaged = workspace.database.read_bytes()

    def doomed() -> None:
        def die(*_arguments):
            os.kill(os.getpid(), signal.SIGKILL)

        if moment == "link":
            os.link = die
        else:
            setattr(Path, moment, die)
        open_records(workspace.database)

    assert in_own_process(doomed)[0] == -signal.SIGKILL
    with open_records(workspace.database) as records:
        assert [run.name for run in list_runs(records)] == ["first"]
    assert damaged in [path.read_bytes() for path in aside(workspace)]
    assert not recovery.unfinished(workspace.database).exists()


def test_a_missing_one_and_a_run_that_was_copied_are_taken_from_the_files(workspace, capsys):
    workspace.database.unlink()
    code, out, err = fext(capsys, "runs", "--resources", str(workspace.root))
    assert code == 0 and "first" in out and "1 of 1" in out
    assert "there was no database; it was made from the files: 1 run, 1 encoding, 1 report" in err
    shutil.copytree(workspace.run("first"), workspace.run("from elsewhere"))
    (workspace.run("no run")).mkdir()
    code, out, err = fext(capsys, "runs", "--resources", str(workspace.root))
    assert (code, err) == (0, "") and len(out.splitlines()) == 3 and "from elsewhere" in out


def test_one_that_is_locked_for_long_stops_no_training_and_is_named(workspace, lived_in, monkeypatch, capsys, fault_table):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    shown = str(workspace.database)
    holder = sqlite3.connect(workspace.database, isolation_level=None)

    def lock() -> None:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN IMMEDIATE")
        holder.execute("UPDATE runs SET note = ''")

    events = []
    with closing(holder), at_step(2, lock):
        train(workspace, "second", events.append, training__epochs=1, dataset__images=str(lived_in.root.parent / "images"))
        told = [e.data["message"] for e in events if e.data.get("level") == "warning"]
        assert any(f"{shown} is locked by another program" in m and "end what holds it" in m for m in told)
        code, _, err = fext(capsys, "runs", "--resources", str(workspace.root))
        assert code == 1 and len(err.splitlines()) == 1 and f"{shown} is locked" in err
        holder.execute("ROLLBACK")
    code, out, _ = fext(capsys, "runs", "--resources", str(workspace.root))
    assert code == 0 and "second" in out
    assert "finished" in [e.kind for e in EventReader(sorted(workspace.jobs.iterdir())[-1]).read()]
    fault_table(
        fault="database locked for long", where="amid a training; fext runs",
        saw="a warning, and the training goes on; one line and exit code 1", lost="nothing: taken from the files later",
    )  # fmt: skip


def test_a_newer_one_is_no_damage(workspace):
    with closing(sqlite3.connect(workspace.database)) as connection:
        connection.execute("PRAGMA user_version = 1000")
    with pytest.raises(FextError, match="newer FeXT"):
        open_records(workspace.database)
    assert not aside(workspace)
