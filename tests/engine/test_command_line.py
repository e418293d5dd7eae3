"""The command line: options, tables, exit codes, and what a job looks like in each kind of output."""

from __future__ import annotations

import csv
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fext_engine.cli import main
from fext_engine.cli.display import PlainDisplay
from fext_engine.cli.wording import duration, event_text, figure, progress_text, size
from fext_engine.jobs.events import Event, parse_event
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.logs import last_crash
from fext_engine.presets import read_settings
from fext_engine.records import open_records
from fext_engine.records.runs import RunRecord, add_epoch, upsert_run
from fext_engine.settings import options
from fext_engine.workspace import STOCK_PRESETS, find_workspace

ROOT = Path(__file__).parents[2]
SCRIPTED = Path(__file__).parent / "scripted"
posix = pytest.mark.skipif(os.name == "nt", reason="signals and terminals of POSIX")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("FEXT_RESOURCES", str(tmp_path / "resources"))
    return find_workspace()


@pytest.fixture
def fext(workspace, capsys):
    """Call the command line in this process; returns code, standard output and standard error."""

    def call(*arguments):
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def environment(workspace):
    """For processes in which `fext sample` counts instead of writing images."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(SCRIPTED), str(ROOT)]), "COUNT_STEPS": "3"}


def run(environment, *arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "fext_engine", *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=60, **more,
    )  # fmt: skip


def start(environment, *arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "fext_engine", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


# Wrong usage and failures


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("train", "--nonsense"),
        ("train", "--epochs"),
        ("resume",),
        ("jobs", "follow"),
        ("export", "latest", "--format", "keras"),
        ("train", "--epochs", "0"),
        ("train", "--sample-size", "nan"),
        ("train", "--set", "training.epoch=1"),
        ("train", "--set", "training.epochs"),
        ("train", "--preset", "none"),
        ("train", "--images", "/a\udcff"),
        ("presets", "delete", "quick", "--yes"),
    ],
)
def test_wrong_usage_is_2_and_starts_nothing(fext, workspace, arguments):
    code, out, err = fext(*arguments)
    assert (code, out) == (2, "")
    assert err
    assert list(workspace.jobs.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("resume", "none"), "fext: there is no run yet; `fext train` makes one\n"),
        (("evaluate", "latest"), "fext: there is no run yet; `fext train` makes one\n"),
        (("jobs", "follow", "none"), "fext: there is no job 'none'; `fext jobs` lists them\n"),
        (("sample", "--output", "/a\udcff"), "is not valid UTF-8"),
        (
            ("jobs", "--csv", "/none/jobs.csv"),
            "fext: cannot write /none/jobs.csv: No such file or directory;",
        ),
    ],
)
def test_a_failure_is_1_with_one_line(fext, arguments, said):
    code, out, err = fext(*arguments)
    assert (code, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


def test_with_json_a_failure_is_an_event_too(fext):
    code, out, err = fext("runs", "show", "none", "--json")
    assert code == 1
    event = parse_event(out)
    assert (event.kind, event.data["do"]) == ("failed", "`fext train` makes one")
    assert err.startswith("fext: ")


def test_a_fault_of_ours_leaves_a_crash_file_and_no_traceback(fext, workspace, monkeypatch):
    monkeypatch.setattr("fext_engine.maintenance.installation.versions", lambda: 1 / 0)
    code, _, err = fext("locate")
    assert code == 1
    assert err.count("\n") == 1
    assert "ZeroDivisionError" in err
    crash = last_crash(workspace.logs)
    assert str(crash) in err
    assert "Traceback" in crash.read_text()
    monkeypatch.setenv("FEXT_DEBUG", "1")
    assert "Traceback" in fext("locate")[2]


def test_resources_that_cannot_be_made_are_told(fext, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = fext("jobs", "--resources", str(tmp_path / "file"))
    assert code == 1
    assert err.count("\n") == 1


# Tables and paths


def test_options_before_a_sub_command_count_for_it(fext, tmp_path):
    for arguments in (
        ("--resources", "{}", "jobs"),
        ("jobs", "--resources", "{}"),
        ("runs", "--resources", "{}"),
    ):
        place = tmp_path / arguments[0].strip("-") / arguments[-1].strip("{}")
        assert fext(*(text.format(place) for text in arguments))[0] == 0
        assert (place / "jobs").is_dir()
    saved = ("presets", "--resources", str(tmp_path / "x"), "--set", "training.epochs=3", "save", "mine")
    assert fext(*saved)[0] == 0
    assert read_settings(tmp_path / "x" / "configurations" / "mine.toml").training.epochs == 3


def test_runs(fext, workspace, tmp_path):
    assert fext("runs") == (0, "no run yet; `fext train` makes one\n", "")
    with open_records(workspace.database) as records:
        upsert_run(records, RunRecord("first", "FextAE Redux", "finished", 4, "/photos", ""))
        add_epoch(records, "first", 1, {"loss": 0.5, "val_loss": 0.25})
        add_epoch(records, "first", 2, {"loss": 0.4, "val_loss": 0.5})
    workspace.run("first").mkdir()
    _, out, _ = fext("runs")
    assert out.splitlines()[0].split() == [
        "name",
        "model",
        "state",
        "epochs",
        "best",
        "val",
        "loss",
        "started",
        "note",
    ]
    assert "2 of 4  0.25" in out
    (row,) = json.loads(fext("runs", "--json")[1])
    assert (row["name"], row["epochs_done"], row["best_epoch"]) == ("first", 2, 1)
    table = tmp_path / "runs.csv"
    assert fext("runs", "--csv", str(table))[1] == f"1 rows written to {table}\n"
    (line,) = csv.DictReader(table.open())
    assert (line["name"], line["best_val_loss"], line["images"]) == ("first", "0.25", "/photos")
    _, out, _ = fext("runs", "show", "fir")
    assert str(workspace.run("first")) in out
    assert out.splitlines()[-1].split()[:3] == ["2", "0.4", "0.5"]
    assert json.loads(fext("runs", "show", "latest", "--json")[1])["history"][0]["loss"] == 0.5


def test_runs_are_compared_renamed_annotated_and_removed(fext, workspace, tmp_path):
    with open_records(workspace.database):
        pass
    for name, batch in (("first", 8), ("second", 16)):
        folder = workspace.run(name)
        folder.mkdir()
        (folder / "configuration.toml").write_text(f"[training]\nbatch_size = {batch}\n", encoding="utf-8")
    assert fext("runs", "note", "fir", "[red]a\nb") == (0, "first  [red]a b\n", "")
    _, out, _ = fext("runs", "compare", "first", "second")
    assert ["training.batch_size", "8", "16", "+8"] in [line.split() for line in out.splitlines()]
    (setting,) = json.loads(fext("runs", "compare", "first", "second", "--json")[1])["settings"]
    assert setting == {"name": "training.batch_size", "a": 8, "b": 16}
    table = tmp_path / "compared.csv"
    assert fext("runs", "compare", "first", "second", "--csv", str(table))[0] == 0
    assert table.read_text().splitlines()[:2] == ["kind,name,a,b,change", "setting,training.batch_size,8,16,8"]

    assert fext("runs", "rename", "first", "second")[2].startswith("fext: there is a run called second already")
    assert json.loads(fext("runs", "rename", "first", "third", "--json")[1])["folder"] == str(workspace.run("third"))
    assert fext("runs", "remove", "third")[0] == 2
    assert fext("runs", "remove", "third", "--yes")[1].startswith("removed third, ")
    assert not workspace.run("third").exists() and workspace.run("second").is_dir()


def test_presets_are_saved_shown_and_deleted(fext, workspace):
    code, out, _ = fext(
        "presets", "save", "mine", "--preset", "quick", "--set", "training.epochs=7", "--description", "[b]"
    )
    assert code == 0
    assert "mine.toml" in out
    assert fext("presets")[1].splitlines()[-1].split() == ["mine", "own", "[b]"]
    shown = fext("presets", "show", "mine")[1]
    assert "epochs = 7" in shown
    assert "image_height = 64" in shown
    assert json.loads(fext("presets", "show", "mine", "--json")[1])["training"]["epochs"] == 7
    assert "epochs = 8" in fext("presets", "show", "--preset", "mine", "--set", "training.epochs=8")[1]
    code, _, err = fext("presets", "delete", "mine")
    assert code == 2
    assert "--yes" in err
    assert fext("presets", "delete", "mine", "--yes")[0] == 0
    assert [row["name"] for row in json.loads(fext("presets", "--json")[1])] == list(STOCK_PRESETS)


def test_all_options_are_listed(fext):
    out = fext("presets", "options")[1]
    rows = json.loads(fext("presets", "options", "--json")[1])
    assert [row["key"] for row in rows] == [option.key for option in options()]
    assert all(option.key in out and option.help in out for option in options())


def test_locate_names_every_folder_and_version(fext, workspace):
    found = json.loads(fext("locate", "--json")[1])
    for folder in ("images", "checkpoints", "logs", "jobs", "cache"):
        assert found["paths"][folder] == str(getattr(workspace, folder))
    assert {"fext", "python", "torch", "textual"} <= set(found["versions"])
    out = fext("locate")[1]
    assert all(path in out for path in found["paths"].values() if path)


def test_clean_asks_and_keeps_what_was_not_chosen(fext, workspace):
    workspace.run("first").mkdir()
    (workspace.cache / "pixels").mkdir()
    (workspace.cache / "pixels" / "file").write_bytes(b"x" * 1500)
    (workspace.logs / "old.log").write_text("x")
    code, out, err = fext("clean")
    assert code == 2
    assert "1.5 kB" in out
    assert "--yes" in err
    assert (workspace.cache / "pixels").exists()
    found = json.loads(fext("clean", "--caches", "--yes", "--json")[1])
    assert found["bytes"] == 1500
    assert not (workspace.cache / "pixels").exists()
    assert (workspace.logs / "old.log").exists()
    assert fext("clean", "--yes")[0] == 0
    assert not (workspace.logs / "old.log").exists()
    assert fext("clean", "--yes")[1] == "nothing to remove\n"
    assert workspace.run("first").exists()


# Words


def test_numbers_and_times_in_words():
    assert [duration(s) for s in (0, 7.4, 754, 10_800, 187_200)] == [
        "0:00",
        "0:07",
        "12:34",
        "3:00:00",
        "2 days 4:00:00",
    ]
    assert [figure(v) for v in (3, 0.123456, 12345.6, "x", True)] == ["3", "0.1235", "12346", "x", "True"]
    assert [size(n) for n in (0, 999, 1500, 2_000_000_000)] == ["0 B", "999 B", "1.5 kB", "2.0 GB"]


def test_progress_in_words():
    data = {"stage": "scan", "done": 320, "total": 800, "unit": "images", "rate": 25.07, "eta": 19.1}
    assert progress_text(data) == "scan  320 of 800 images  40 %  25.07 images/s  0:19 left"
    assert progress_text({"stage": "scan", "done": 5, "total": None, "unit": "files"}) == "scan  5 files"
    assert progress_text({"stage": "scan", "done": 0, "total": 0, "unit": "files"}) == "scan  0 of 0 files"


def test_events_in_words():
    assert event_text(Event("log", {"level": "warning", "message": "[red]"})) == "warning: [red]"
    assert event_text(Event("log", {"level": "debug", "message": "x"})) is None
    metric = Event(
        "metric", {"epoch": 2, "epochs": 3, "values": {"loss": 0.5, "val_loss": None, "seconds": 61.2}}
    )
    assert event_text(metric) == "epoch 2 of 3  loss 0.5  1:01"


def test_plain_progress_is_a_line_every_ten_seconds_or_percent(capsys):
    display = PlainDisplay()
    for second in range(1001):
        data = {"stage": "training", "done": second, "total": 1000, "unit": "images"}
        display(Event("progress", data, 1000.0 + second))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("training  0 of 1000")
    assert lines[-1].startswith("training  1000 of 1000")
    assert len(lines) <= 20


# Jobs as processes


def test_a_job_in_plain_lines(environment, workspace):
    done = run(environment, "sample")
    assert (done.returncode, done.stderr) == (0, "")
    assert "epoch 2 of 3  loss 0.5" in done.stdout
    assert "[red]no markup[/red]" in done.stdout
    assert "best val loss  0.1235" in done.stdout
    assert "\x1b" not in done.stdout
    assert Supervisor(workspace).find("latest").state == "finished"


def test_a_job_as_json_events(environment, workspace):
    done = run(environment, "sample", "--json")
    events = [parse_event(line) for line in done.stdout.splitlines()]
    assert None not in events
    assert (events[0].kind, events[-1].kind) == ("started", "finished")
    (job,) = Supervisor(workspace).jobs()
    assert events[0].data["id"] == job.id
    assert done.stdout == (job.folder / "events.jsonl").read_text()


@posix
@pytest.mark.parametrize("width", [80, 200])
def test_a_job_on_a_terminal_has_a_bar_and_no_markup(environment, width):
    import fcntl
    import pty
    import struct
    import termios

    main_end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "fext_engine", "sample"],
        env={**environment, "TERM": "xterm-256color", "COUNT_STEPS": "20"},
        stdout=terminal, stderr=terminal, stdin=terminal,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    while select.select([main_end], [], [], 30)[0]:
        try:
            shown += os.read(main_end, 65536)
        except OSError:  # the other end is closed
            break
    text = shown.decode()
    assert process.wait(30) == 0
    assert "counting" in text
    assert "/20" in text
    assert "steps/s" in text
    assert "[red]no markup[/red]" in text
    assert "epoch 20 of 20" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is given back


@posix
def test_an_interrupt_stops_the_job_where_it_can_go_on(environment, workspace):
    process = start({**environment, "COUNT_STEPS": "10000"}, "sample", start_new_session=True)
    assert process.stdout.readline().startswith("counting")
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.startswith("fext: stopped after")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert Supervisor(workspace).find("latest").state == "stopped"


@posix
def test_a_kill_of_the_process_is_a_job_that_died(environment, workspace):
    process = start({**environment, "COUNT_STEPS": "10000"}, "sample")
    process.stdout.readline()
    process.kill()
    process.communicate()
    assert Supervisor(workspace).find("latest").state == "died"
    follow = run(environment, "jobs", "follow", "latest")
    assert follow.returncode == 1
    assert "died without a word" in follow.stderr


@posix
def test_a_reader_that_leaves_does_not_end_the_job(environment, workspace):
    process = start({**environment, "COUNT_STEPS": "30"}, "sample")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""
    assert Supervisor(workspace).find("latest").state == "finished"


@posix
def test_a_reader_that_leaves_a_table_gets_no_noise(environment):
    command = f"{sys.executable} -m fext_engine presets options | true"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_detach_prints_the_id_and_follow_attaches(environment, workspace):
    detached = run({**environment, "COUNT_STEPS": "40"}, "sample", "--detach")
    job_id = detached.stdout.strip()
    assert detached.returncode == 0
    assert (workspace.jobs / job_id).is_dir()
    followed = run(environment, "jobs", "follow", job_id)
    assert followed.returncode == 0
    assert "epoch 40 of 40" in followed.stdout
    again = run(environment, "jobs", "follow", job_id, "--json")
    assert again.stdout == (workspace.jobs / job_id / "events.jsonl").read_text()
    as_json = json.loads(run(environment, "sample", "--detach", "--json").stdout)
    assert (workspace.jobs / as_json["id"]) == Path(as_json["folder"])
    assert run(environment, "jobs", "follow", "latest").returncode == 0


@posix
def test_leaving_follow_leaves_the_job_and_stop_ends_it_with_130(environment, workspace):
    slow = {**environment, "COUNT_STEPS": "10000", "COUNT_SECONDS": "5"}  # at work still when `stop` looks again
    job_id = run(slow, "sample", "--detach").stdout.strip()
    follower = start(environment, "jobs", "follow", job_id)
    follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    _, err = follower.communicate(timeout=20)
    assert follower.returncode == 130
    assert f"{job_id} goes on" in err
    assert Supervisor(workspace).find(job_id).state == "running"
    assert "was asked to stop" in run(environment, "jobs", "stop", job_id).stdout
    followed = run(environment, "jobs", "follow", job_id)
    assert followed.returncode == 130
    assert "stopped after" in followed.stderr
    assert "has ended already: stopped" in run(environment, "jobs", "stop", job_id, "--hard").stdout


@posix
def test_a_hard_stop_is_at_once(environment, workspace):
    job_id = run({**environment, "COUNT_STEPS": "10000"}, "sample", "--detach").stdout.strip()
    end = time.monotonic() + 20
    while Supervisor(workspace).find(job_id).state == "starting" and time.monotonic() < end:
        time.sleep(0.05)
    assert f"{job_id} has ended: stopped" in run(environment, "jobs", "stop", job_id, "--hard").stdout
    (row,) = json.loads(run(environment, "jobs", "--json").stdout)
    assert row["state"] == "stopped"


@posix
def test_a_name_that_is_not_utf8_is_told(environment):
    command = [sys.executable, "-m", "fext_engine", "analyze", "--images", b"/a\xff"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "valid UTF-8" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_lacks_letters_is_no_reason_to_fail(environment, tmp_path, encoding):
    place = tmp_path / "Bär-漢"
    done = subprocess.run(
        [sys.executable, "-m", "fext_engine", "locate", "--resources", str(place)],
        env={**environment, "PYTHONIOENCODING": encoding}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert rb"\u6f22" in done.stdout


# Imports and the terminal UI


def modules_after(environment, *arguments) -> set[str]:
    code = f"import sys; from fext_engine.cli import main; main({list(arguments)!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("arguments", [("locate",), ("jobs",), ("runs",), ("presets",), ("--help",)])
def test_tables_import_nothing_heavy(environment, arguments):
    loaded = modules_after(environment, *arguments)
    assert not loaded & {"torch", "textual", "matplotlib", "cv2", "numpy", "PIL", "scipy"}


def test_the_way_to_the_ui_imports_nothing_of_the_command_line(tmp_path):
    loaded = modules_after({**os.environ, "PYTHONPATH": str(ROOT)})
    assert not loaded & {"typer", "pydantic", "rich", "torch", "psutil", "sqlite3"}


def test_without_a_terminal_the_ui_says_so(environment):
    done = run(environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert "fext --help" in done.stderr
    assert done.stderr.count("\n") == 1


@posix
def test_without_textual_the_ui_says_so_and_commands_work(environment, tmp_path):
    import pty

    (tmp_path / "textual.py").write_text("raise ModuleNotFoundError('no textual here', name='textual')")
    paths = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    environment = {**environment, "PYTHONPATH": paths, "TERM": "xterm"}
    main_end, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "fext_engine"], env=environment, stdin=terminal, stdout=terminal,
        stderr=subprocess.PIPE, text=True, check=False, timeout=30,
    )  # fmt: skip
    os.close(terminal)
    os.close(main_end)
    assert done.returncode == 2
    assert "needs textual, which is not installed" in done.stderr
    assert run(environment, "jobs").returncode == 0
