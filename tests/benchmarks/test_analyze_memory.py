"""Memory of an analysis must not grow with the images: ten thousand against ten times as many, and a million listed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from fext_engine.workspace import Workspace

pytestmark = pytest.mark.benchmark
FEW, MANY, MILLION = 10_000, 100_000, 1_000_000
MAX_GROWTH = 1.3
"""Of the peak, from FEW to MANY. Beside the images it holds the report's table: 45 numbers an image."""

_ANALYZE = """
import sys
from fext_engine.jobs.run import run_here
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace
settings = Settings().with_options({"dataset.images": sys.argv[2]})
run_here(Workspace(__import__("pathlib").Path(sys.argv[1])), "analyze", settings)
"""

_LIST = """
import resource, sys, time
from pathlib import Path
from fext_engine.images.scan import scan
from fext_engine.records import image_windows, images, open_records
start = time.perf_counter()
def say(what):
    global start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {what:44} {time.perf_counter() - start:7.2f} s, peak so far {peak:5.0f} MB", flush=True)
    start = time.perf_counter()
root = Path(sys.argv[2])
print(f"  {sum(1 for _ in scan(root)):,} files")
say("scan")
with open_records(Path(sys.argv[1])) as records:
    for again in ("", " again"):
        for count in images.record_scan(records, root, scan(root)):
            if count % 250_000 == 0:
                say(f"scan and record{again}, {count:,} so far")
        say(f"forget what is gone{again}")
    images.count_images(records, root)
    say("count")
    for column in ("path", "bytes", "mean"):
        ids = image_windows.list_ids(records, root, order_by=column, descending=True)
        say(f"order by {column}")
        for offset in (0, len(ids) // 2, len(ids) - 100):
            assert None not in image_windows.read_rows(records, ids[offset : offset + 100])
        say("  three windows of 100 rows")
"""


def fill(folder: Path, number: int, pictures: int = 50) -> None:
    """Write `number` small images into folders of a thousand, hard links of a few: no room, little time."""
    rng = np.random.default_rng(0)
    originals = []
    folder.mkdir(parents=True)
    for i in range(pictures):
        encoded = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(encoded, "BMP")
        originals.append(folder / f".{i}.bmp")
        originals[-1].write_bytes(encoded.getvalue())
    for i in range(number):
        if i % 1000 == 0:
            (folder / f"{i // 1000:04d}").mkdir()
        os.link(originals[i % pictures], folder / f"{i // 1000:04d}" / f"{i:07d}.bmp")


def watch(command: list[str]) -> Iterator[int]:
    """Run a command, yielding the resident bytes of its processes together ten times a second."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        process = psutil.Process(running.pid)
        while running.poll() is None:
            yield sum(map(resident, [process, *process.children(recursive=True)]))
            time.sleep(0.1)
    assert running.returncode == 0


def resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def test_memory_does_not_grow_with_the_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peaks = {}
    for number in (FEW, MANY):
        fill(tmp_path / f"{number}", number)
        workspace = Workspace(tmp_path / f"resources_{number}")
        workspace.create()
        start = time.perf_counter()
        command = [sys.executable, "-c", _ANALYZE, str(workspace.root), str(tmp_path / f"{number}")]
        curve = list(watch(command))
        peaks[number] = max(curve)
        with capsys.disabled():
            points = [curve[len(curve) * i // 10] >> 20 for i in range(10)]
            print(
                f"\n{number:,} images in {time.perf_counter() - start:.0f} s: peak {peaks[number] >> 20} MB"
            )
            print(f"  MB over its time: {' '.join(map(str, points))}")
    assert peaks[MANY] < MAX_GROWTH * peaks[FEW]


@pytest.mark.slow
def test_a_million_files_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = time.perf_counter()
    fill(tmp_path / "images", MILLION)
    with capsys.disabled():
        print(f"\nmade {MILLION:,} files in {time.perf_counter() - start:.0f} s")
        command = [sys.executable, "-c", _LIST, str(tmp_path / "fext.sqlite"), str(tmp_path / "images")]
        assert subprocess.run(command, check=False).returncode == 0
