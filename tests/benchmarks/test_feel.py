"""How the terminal UI feels: key to paint while a training has every core, bytes to the terminal, memory."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fext_engine.jobs.events import EVENTS_FILE, Event
from fext_engine.jobs.folder import claim, create_job, write_pid
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.presets import save_last_used
from fext_engine.records import open_records
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace, find_workspace

pytest.importorskip("pty", reason="pseudo-terminals are of POSIX")
from raw_terminal import BARE_APP, RawTerminal

pytestmark = pytest.mark.benchmark
IMAGES = 100_000
KEYS = 300
EVENTS = 1_000_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Iterator[Workspace]:
    """A dataset of 100,000 images, links to the photographs, with its records."""
    workspace = find_workspace(tmp_path_factory.mktemp("feel") / "resources")
    sources = sorted(photos.iterdir())
    copies = [workspace.root / f"copy_{i}.jpg" for i in range(8)]
    for copy, source in zip(copies, sources, strict=False):
        copy.write_bytes(source.read_bytes())
    for i in range(1, IMAGES + 1):
        os.link(copies[i % len(copies)], workspace.images / f"picture_{i:07}.jpg")
    with open_records(workspace.database) as records, records.connection as connection:
        root = str(workspace.images.resolve())
        connection.execute("INSERT INTO image_roots (path, scans) VALUES (?, 1)", (root,))
        connection.execute(
            f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {IMAGES}) "
            "INSERT INTO images (id, root_id, path, class, bytes, mtime_ns, scan, split, status, digest, format, "
            "mode, bit_depth, width, height, orientation, frames, alpha_share, notes) "
            "SELECT i, 1, printf('picture_%07d.jpg', i), '', 100000, 1, 1, 'train', 'ok', "
            "printf('%064x', i), 'JPEG', 'RGB', 8, 500, 375, 1, 1, 0.0, '' FROM n"
        )
    yield workspace
    supervisor = Supervisor(workspace)
    for job in supervisor.active():
        supervisor.stop(job.id, hard=True)


@pytest.fixture(scope="module")
def training(workspace: Workspace, photos: Path) -> str:
    """Redux trains on every core, as a job that was started from the UI does."""
    settings = Settings().with_options({"dataset.images": str(photos), "training.epochs": 1000})
    job = Supervisor(workspace).start("train", settings, {})
    save_last_used(workspace, Settings())
    end = time.monotonic() + 300
    while not list(workspace.checkpoints.glob("*/history.csv")) and time.monotonic() < end:
        time.sleep(0.5)
    return job


def key_times(terminal: RawTerminal) -> list[float]:
    """Milliseconds from a key to the paint of the row it goes to; pauses of 50 to 400 ms, so that previews come between."""
    times, row = [], 1
    for n in range(KEYS):
        key, row = (b"\x1b[B", row + 1) if n % 60 < 30 else (b"\x1b[A", row - 1)
        terminal.count(0.05 + n % 8 * 0.05)
        terminal.press(key)
        times.append(terminal.until(b"picture_%07d" % row) * 1000)
    return sorted(times)


def test_key_to_paint_while_training(
    workspace: Workspace, training: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {}
    for name, command in (
        ("fext, 100,000 images", ("-m", "fext_engine", "--resources", str(workspace.root))),
        ("a bare app, 100 rows", ("-c", BARE_APP)),
    ):
        terminal = RawTerminal(*command)
        terminal.until(b"picture_0000001")
        terminal.count(5)
        found[name] = key_times(terminal)
        terminal.close()
    with capsys.disabled():
        print(f"\nkey to paint while Redux trains, load {os.getloadavg()[0]:.1f}, {KEYS} keys:")
        for name, times in found.items():
            p99 = times[int(0.99 * len(times))]
            print(f"  {name:24} median {statistics.median(times):.1f} ms, 99 % {p99:.1f} ms, worst {times[-1]:.1f} ms")


def test_bytes_to_the_terminal(workspace: Workspace, training: str, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = RawTerminal("-m", "fext_engine", "--resources", str(workspace.root))
    terminal.until(b"picture_0000001")
    terminal.press(b"2")
    terminal.until(b"Runs")
    terminal.count(5)
    while_training = terminal.count(30) / 30
    terminal.press(b"3")
    terminal.until(b"pictures")
    terminal.count(3)
    terminal.press(b"\t+++")
    terminal.count(2)
    moved = 0
    for n in range(60):
        terminal.press(b"l" if n % 20 < 10 else b"h")
        moved += terminal.count(1 / 20)
    moved += terminal.count(1)
    Supervisor(workspace).stop(training, hard=True)
    terminal.count(3)
    terminal.press(b"1")
    terminal.count(3)
    idle = terminal.count(10)
    terminal.close()
    with capsys.disabled():
        print(f"\nbytes at 120x40: Model screen while training {while_training / 1000:.1f} KB/s (at most 8), ", end="")
        print(f"a panned picture {moved / 3000:.0f} KB/s (at most 900), idle {idle} bytes in 10 s (none)")


def test_memory_after_a_million_events(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job of an hour that says a lot: progress, a log line in a hundred, an epoch in a thousand."""
    folder = create_job(workspace, "train", Settings(), {"run": "long"})
    with claim(folder):
        write_pid(folder)
        with (folder / EVENTS_FILE).open("w") as file:
            file.write(Event("started", {"verb": "train", "id": folder.name}).to_json() + "\n")
            for n in range(EVENTS):
                file.write(_event(n).to_json() + "\n")
        terminal = RawTerminal("-m", "fext_engine", "--resources", str(workspace.root))
        terminal.until(b"picture_0000001")
        before = terminal.megabytes
        terminal.press(b"2L")
        start = time.perf_counter()
        terminal.until(b"999,999", 600)
        elapsed = time.perf_counter() - start
        terminal.count(5)
        after = terminal.megabytes
        terminal.close()
    bare = RawTerminal("-c", BARE_APP)
    bare.until(b"picture_0000001")
    with capsys.disabled():
        print(f"\nmemory: {before:.0f} MB at the start, {after:.0f} MB after {EVENTS:,} events ", end="")
        print(f"(at most 150) that were read in {elapsed:.0f} s; a bare app {bare.megabytes:.0f} MB")
    bare.close()


def _event(n: int) -> Event:
    if n % 1000 == 999 and n < EVENTS - 1:
        return Event("metric", {"run": "long", "epoch": n // 1000 + 1, "values": {"loss": 1 / (n + 1)}})
    if n % 100 == 50:
        return Event("log", {"run": "long", "level": "info", "message": f"line {n} of a long log"})
    return Event("progress", {"run": "long", "stage": "training", "done": n, "total": EVENTS, "unit": "images",
                              "rate": 277.7, "eta": (EVENTS - n) / 277.7})  # fmt: skip
