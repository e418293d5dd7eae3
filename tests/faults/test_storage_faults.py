"""Disks that are full, read-only or gone, and clocks that are set back: what is said, and that nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil
import pytest
from disks import read_only, small_disk
from tiny_training import at_step, make_images, make_workspace, resume, small_settings, train, untrained

from fext_engine import workspace as workspace_module
from fext_engine.cli import main
from fext_engine.cli.display import PlainDisplay
from fext_engine.cli.tables import stream_csv
from fext_engine.errors import FextError, room_to_write
from fext_engine.images.scan import scan
from fext_engine.jobs.events import Event, EventReader, EventWriter
from fext_engine.jobs.folder import claim, create_job, read_pid, write_pid
from fext_engine.jobs.run import run_here
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.latents.encoding import LATENTS
from fext_engine.logs import last_crash, start_logging, write_crash
from fext_engine.maintenance.database import back_up, export_tables, vacuum
from fext_engine.presets import load_last_used, save_last_used, save_preset
from fext_engine.records import open_records
from fext_engine.records.images import count_statuses
from fext_engine.records.reports import list_reports
from fext_engine.settings import Settings
from fext_engine.training.history import read_history
from fext_engine.workspace import Workspace, atomic_file
from fext_tui.configuration import remember_theme

posix = pytest.mark.skipif(os.name == "nt", reason="mounts, and folders that are renamed while they are read")
pytestmark = posix
IMAGES = 16


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk") as made:
        yield made


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# A full disk


def test_small_files_name_themselves_stay_whole_and_are_written_when_there_is_room(disk, fault_table):
    workspace = make_workspace(disk.path / "resources", 0)
    settings = Settings()
    with open_records(workspace.database) as records, records.connection as connection:
        connection.executemany(
            "INSERT INTO jobs (id, verb, state, started_at) VALUES (?, ?, 'finished', 0)",
            ((str(n), "x" * 500) for n in range(100)),
        )
    save_preset(workspace, "mine", settings)
    save_last_used(workspace, settings)
    remember_theme(workspace.ui_file, "nord")
    table = disk.path / "table.csv"
    stream_csv(str(table), [{"a": 1}])
    writes = {
        "preset": (workspace.configurations / "mine.toml", lambda: save_preset(workspace, "mine", settings)),
        "settings used last": (workspace.configurations / "last_used.toml", lambda: save_last_used(workspace, settings)),
        "the UI's configuration": (workspace.ui_file, lambda: remember_theme(workspace.ui_file, "gruvbox")),
        "table as CSV": (table, lambda: stream_csv(str(table), ({"a": "y" * 99} for _ in range(2000)))),
        "job folder": (workspace.jobs, lambda: create_job(workspace, "train", settings, {})),
        "backup of the database": (workspace.database, lambda: back_up(workspace)),
        "vacuum of the database": (workspace.database, lambda: vacuum(workspace)),
        "tables of the database": (workspace.database, lambda: export_tables(workspace)),
    }
    before = files_below(disk.path)
    for what, (place, write) in writes.items():
        with disk.filled(), pytest.raises(FextError) as told:
            write()
        assert str(place) in told.value.what, what
        assert "space" in told.value.do, what
        after = files_below(disk.path)
        assert {name: after.get(name) for name in before if "sqlite" not in name} == {
            name: data for name, data in before.items() if "sqlite" not in name
        }, what
        assert not [name for name in after if ".tmp" in name], what
        write()
        before = files_below(disk.path)
        fault_table(fault="disk full", where=what, saw="one line with the file and the way out", lost="nothing")
    assert load_last_used(workspace) == settings
    with closing(sqlite3.connect(workspace.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_logs_and_crash_files_give_way_to_the_work(disk, fault_table):
    logs = disk.path / "logs"
    logs.mkdir()
    with disk.filled():
        start_logging(logs, "fext").warning("x" * 10_000)
        assert write_crash(logs, ValueError("x")) is None
        start_logging(logs, "fext")
    start_logging(logs, "fext").warning("later")
    assert "later" in (logs / "fext.log").read_text()
    assert write_crash(logs, ValueError("x")) == last_crash(logs)
    fault_table(fault="disk full", where="log and crash files", saw="nothing", lost="lines of the log")


def test_an_event_that_found_no_room_leaves_no_half_line(disk, fault_table):
    writer = EventWriter(disk.path)
    writer.write(Event("log", {"message": "first"}))
    with disk.filled(left=8192), pytest.raises(OSError, match="No space left") as told:
        writer.write(Event("log", {"message": "x" * 20_000}))
    assert told.value.filename == str(disk.path / "events.jsonl")
    writer.write(Event("log", {"message": "later"}))
    writer.close()
    assert (disk.path / "events.jsonl").read_bytes().count(b"\n") == 2
    assert [e.data["message"] for e in EventReader(disk.path).read()] == ["first", "later"]
    fault_table(fault="disk full", where="events of a job", saw="the job fails with the file's name", lost="that event")


@pytest.mark.slow
@pytest.mark.parametrize("left", [8, 24, 64, 200, 1500], ids="{} kB left".format)
@pytest.mark.parametrize("verb", ["train", "resume", "analyze", "evaluate", "encode", "export", "sample"])
def test_every_job_says_where_the_room_ended_and_works_when_there_is_some(disk, tmp_path, verb, left, fault_table):
    images = str(make_images(tmp_path / "images", IMAGES))
    workspace = make_workspace(disk.path / "resources", 0)
    settings = small_settings(dataset__images=images, training__epochs=1, device__num_workers=0)
    run_here(workspace, "train", settings, {"name": "r"})
    run_here(workspace, "analyze", settings)
    arguments = {
        "train": {"name": "new"}, "resume": {"run": "r", "epochs": 1}, "evaluate": {"run": "r"},
        "encode": {"run": "r", "input": images}, "export": {"run": "r", "format": "safetensors"},
    }.get(verb, {})  # fmt: skip
    shutil.rmtree(workspace.cache)
    before = files_below(workspace.checkpoints)
    with disk.filled(left << 10):
        try:
            run_here(workspace, verb, settings, arguments)
            return  # it needs less
        except FextError as error:
            told = error
    assert str(disk.path) in told.what
    assert "space" in told.do
    assert not list(disk.path.rglob(".*.tmp"))
    after = files_below(workspace.checkpoints)
    assert {n: after[n] for n in before if "history" not in n} == {n: d for n, d in before.items() if "history" not in n}
    if verb == "train":
        shutil.rmtree(workspace.run("new"), ignore_errors=True)
    run_here(workspace, verb, settings, arguments)
    if verb in ("train", "resume"):
        run = workspace.run("new" if verb == "train" else "r")
        assert len(read_history(run / "history.csv")) == (1 if verb == "train" else 2)
    with closing(sqlite3.connect(workspace.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    fault_table(fault="disk full", where=verb, saw="one line with the place and the way out", lost="what was not saved yet")


def test_a_quota_is_called_one():
    """No file system here has quotas: the system's word alone."""
    error = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/x")
    assert "quota" in room_to_write(error)
    assert "quota" not in room_to_write(OSError(errno.ENOSPC, "full"))
    assert "--resources" in room_to_write(OSError(errno.EROFS, "read-only"))


@pytest.mark.slow
def test_a_checkpoint_beyond_the_quota_is_told_as_one(tmp_path, monkeypatch, fault_table):
    """The system's error as safetensors words it, put in the place of its write."""
    from safetensors import SafetensorError

    from fext_engine.training import checkpoints

    workspace = make_workspace(tmp_path, 8)

    def refused(*_arguments: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: Disk quota exceeded (os error 122)")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", refused)
        with pytest.raises(FextError, match=r"your quota on that disk is used up: .*; then train it anew"):
            train(workspace, training__epochs=1)
    fault_table(fault="quota used up", where="checkpoint", saw="a line that calls it a quota", lost="the epoch")


# Resources that cannot be written


def test_read_only_resources_can_be_looked_at_and_say_what_cannot_be_done(tmp_path, capsys, fault_table):
    workspace = make_workspace(tmp_path / "resources", 0)
    images = str(make_images(tmp_path / "images", 8))
    untrained(workspace)
    create_job(workspace, "train", Settings(), {})
    with open_records(workspace.database):
        pass  # which takes in the run
    with read_only(workspace.root, tmp_path / "seen") as seen:
        where = ("--resources", str(seen))
        for words, shown in (("runs", "FextAE Redux"), ("runs show r", "epochs planned"), ("jobs", "train"), ("presets", "quick")):
            assert main([*words.split(), *where]) == 0, words
            assert shown in capsys.readouterr().out
        for words in (
            ("train", "--images", images), ("analyze",), ("runs", "note", "r", "mine"), ("runs", "rename", "r", "s"),
            ("presets", "save", "mine"), ("evaluate", "r"),
        ):  # fmt: skip
            assert main([*words, *where]) == 1, words
            said = capsys.readouterr().err
            assert len(said.splitlines()) == 1 and f"{seen}/" in said and "Read-only" in said, said
            assert "--resources DIR" in said
        with open_records(Workspace(seen).database) as records, pytest.raises(sqlite3.OperationalError):
            records.connection.execute("DELETE FROM runs")
        (tmp_path / "resources" / "docs").rename(tmp_path / "docs")
        assert main(["runs", *where]) == 1  # a folder that would have to be made
        assert f"cannot create the resources folder {seen}: Read-only file system; choose a folder" in capsys.readouterr().err
    fault_table(
        fault="resources read-only", where="command line", saw="lists work; else one line with the folder", lost="nothing"
    )


# Images that go away


def unmount(folder: Path) -> Path:
    """Take a folder's content away and leave an empty one, as an unmounted disk does; return where it is."""
    away = folder.with_name(f"{folder.name}_away")
    folder.rename(away)
    folder.mkdir()
    return away


def remount(away: Path, folder: Path) -> None:
    if folder.exists():
        folder.rmdir()
    away.rename(folder)


def take_away(folder: Path) -> Path:
    return folder.rename(folder.with_name(f"{folder.name}_away"))


LEAVES = [unmount, pytest.param(take_away, marks=pytest.mark.slow)]


@pytest.mark.parametrize("leave", LEAVES)
def test_a_training_whose_images_folder_goes_away_says_so_and_is_resumed(tmp_path, leave, fault_table):
    workspace, images = make_workspace(tmp_path / "resources", 0), make_images(tmp_path / "images", IMAGES)
    gone = []
    words = f"the images folder {images} is (gone|empty).*`fext resume`"
    amid_epoch_2 = at_step(5, lambda: gone.append(leave(images)))
    with amid_epoch_2, pytest.raises(FextError, match=words) as told:
        train(workspace, training__epochs=3, dataset__images=str(images), dataset__cache="off")
    assert "nothing was recorded" in str(told.value)
    assert len(read_history(workspace.run("r") / "history.csv")) == 1
    with pytest.raises(FextError, match=f"the images folder {images} (does not exist|holds none)"):
        resume(workspace, epochs=1)
    remount(gone[0], images)
    assert len(read_history(resume(workspace, epochs=1).history)) == 2
    assert not (workspace.run("r") / "left_out.csv").exists()
    fault_table(
        fault=f"images folder {'gone' if leave is take_away else 'unmounted'}", where="train, cache off",
        saw="one line with the folder", lost="the epoch that was under way",
    )  # fmt: skip


@pytest.mark.parametrize("leave", LEAVES)
def test_an_encoding_and_an_analysis_record_no_file_as_broken_for_it(tmp_path, leave, fault_table):
    workspace, images = make_workspace(tmp_path / "resources", 0), make_images(tmp_path / "images", 24)
    untrained(workspace)
    settings = small_settings(dataset__images=str(images), device__num_workers=1, inference__batch_size=4)
    gone = []

    def leave_amid(stage: str):
        def listen(event: Event) -> None:
            if event.kind == "progress" and event.data["stage"] == stage and not gone:
                gone.append(leave(images))

        return listen

    for verb, stage, arguments in (("encode", "encoding", {"run": "r", "input": str(images)}), ("analyze", "measure", {})):
        with pytest.raises(FextError, match=f"the images folder {images} is (gone|empty)"):
            run_here(workspace, verb, settings.with_options({"device.num_workers": 0 if verb == "analyze" else 1}), arguments, leave_amid(stage))
        assert not list(workspace.inference.rglob("rows.csv")) or verb == "analyze"
        with open_records(workspace.database) as records:
            assert "unreadable" not in count_statuses(records, images)
        remount(gone.pop(), images)
        gone.clear()
        summary = run_here(workspace, verb, settings, arguments)
        assert summary["broken"] == 0
    (encoding,) = workspace.inference.glob("r-*")
    assert len(np.load(encoding / LATENTS)) == 24
    fault_table(
        fault=f"images folder {'gone' if leave is take_away else 'unmounted'}", where="encode, analyze",
        saw="one line with the folder; the same command goes on", lost="nothing that was done",
    )  # fmt: skip


def test_a_folder_that_is_empty_today_keeps_what_was_measured_of_it(tmp_path, fault_table):
    workspace, images = make_workspace(tmp_path / "resources", 0), make_images(tmp_path / "images", IMAGES)
    settings = small_settings(dataset__images=str(images), device__num_workers=0)
    run_here(workspace, "analyze", settings)
    away = unmount(images)
    with pytest.raises(FextError, match=f"there is no image in {images}, where {IMAGES} were .*mount that"):
        run_here(workspace, "analyze", settings)
    with open_records(workspace.database) as records:
        assert count_statuses(records, images) == {"ok": IMAGES}
    remount(away, images)
    listed = scan(images)
    next(listed)
    away = take_away(images)
    with pytest.raises(FextError, match=f"the images folder {images} is gone"):
        list(listed)
    fault_table(fault="images folder empty at the start", where="analyze", saw="one line: is the disk mounted?", lost="nothing")


def test_a_single_file_that_goes_is_still_a_broken_file(tmp_path):
    workspace, images = make_workspace(tmp_path / "resources", 0), make_images(tmp_path / "images", IMAGES)
    untrained(workspace)
    (images / "link.png").symlink_to(tmp_path / "nowhere.png")
    summary = run_here(workspace, "encode", small_settings(), {"run": "r", "input": str(images)})
    assert (summary["encoded"], summary["broken"]) == (IMAGES, 1)


# A clock that is set back


class Clock:
    """The local time as the names are made of; what came before lies an hour ahead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def set(self, hour: int) -> None:
        moment = datetime(2026, 10, 25, hour, 30)

        class Fixed(datetime):
            @classmethod
            def now(cls, tz=None):
                return moment if tz is None else datetime.now(tz)

        self._patch.setattr(workspace_module, "datetime", Fixed)


def written_ahead(path: Path) -> None:
    """As if the clock had been an hour ahead when `path` was made."""
    ahead = path.stat().st_mtime_ns + 3_600_000_000_000
    os.utime(path, ns=(ahead, ahead))


def test_the_newest_is_the_newest_after_the_clock_was_set_back(tmp_path, monkeypatch, fault_table):
    workspace, clock = make_workspace(tmp_path / "resources", 0), Clock(monkeypatch)
    make_images(workspace.inference, 4)
    clock.set(3)
    untrained(workspace, "before")
    run_here(workspace, "encode", small_settings(), {"run": "before"})
    job = create_job(workspace, "train", Settings(), {})
    made = [workspace.find_run("latest"), workspace.find_encoding("latest"), job / "job.toml"]
    for path in (*made, *workspace.jobs.glob("*/job.toml")):
        written_ahead(path)
    clock.set(2)
    untrained(workspace, "after")
    run_here(workspace, "encode", small_settings(), {"run": "after"})
    second = create_job(workspace, "train", Settings(), {})
    assert workspace.find_run("latest").name == "after"
    assert workspace.find_encoding("latest").name.startswith("after-")
    supervisor = Supervisor(workspace)
    assert supervisor.find("latest").folder == second
    assert next(info.folder for info in supervisor.jobs()) == second
    assert second.name < job.name
    with open_records(workspace.database) as records, records.connection as connection:
        for name, created in (("a", 2e9), ("b", 1e9)):
            connection.execute(
                "INSERT INTO reports (name, root, created_at, images, usable, summary) VALUES (?, '/', ?, 1, 1, '{}')",
                (name, created),
            )
        assert [row["name"] for row in list_reports(records)] == ["b", "a"]
    fault_table(fault="clock set back", where="run, job, encoding, report `latest`", saw="the newest", lost="nothing")


def test_what_is_made_within_a_second_has_names_of_its_own(tmp_path, monkeypatch, fault_table):
    workspace = make_workspace(tmp_path / "resources", 0)
    Clock(monkeypatch).set(2)
    with open_records(workspace.database):
        pass
    assert len({back_up(workspace) for _ in range(3)}) == 3
    assert len({export_tables(workspace) for _ in range(2)}) == 2
    for _ in range(12):
        crash = write_crash(workspace.logs, ValueError("x"))
        written_ahead(crash)
    newest = write_crash(workspace.logs, ValueError("the newest"))
    assert last_crash(workspace.logs) == newest
    assert "the newest" in newest.read_text()
    assert len(list(workspace.logs.glob("crash_*"))) == 10
    fault_table(fault="clock stands still", where="backups, tables, crash files", saw="numbered names", lost="nothing")


def test_a_job_keeps_its_process_and_its_progress_when_the_clock_is_set(tmp_path, monkeypatch, capsys, fault_table):
    workspace = make_workspace(tmp_path / "resources", 0)
    folder = create_job(workspace, "train", Settings(), {})
    with claim(folder):
        write_pid(folder)
        if psutil.LINUX:  # where the start of a process is told by the clock
            boot = psutil.boot_time()
            monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot - 3600)
        assert read_pid(folder) == os.getpid()
    display = PlainDisplay()
    for number, moment in enumerate((5000.0, 1000.0, 1011.0)):
        display(Event("progress", {"stage": "s", "done": 25 * number, "total": 100}, moment))
    assert len(capsys.readouterr().out.splitlines()) == 3
    fault_table(fault="clock set back", where="a running job", saw="its progress; it can be stopped", lost="nothing")


def test_a_file_that_is_written_names_itself_where_the_system_does_not(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(OSError, match="No space left") as told, atomic_file(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert told.value.filename == str(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
