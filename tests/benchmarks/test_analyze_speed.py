"""How fast a dataset is measured, against a loop that only decodes the same files on the same cores."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fext_engine.images.findings import Task
from fext_engine.images.pool import examine_all, worker_count
from fext_engine.images.scan import scan
from fext_engine.jobs.run import run_here
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace

pytestmark = [pytest.mark.benchmark, pytest.mark.photos]
ROUNDS = 3


def only_decode(path: str) -> int:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).size


def best_of(work) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def test_measures_against_decoding(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(p) for p in sorted(photos.iterdir())]
    tasks = [Task(i, f.path) for i, f in enumerate(scan(photos))]
    workers = worker_count("auto", len(tasks))

    def measure_all() -> None:
        assert sum(len(chunk) for chunk in examine_all(photos, tasks, workers, lambda: False)) == len(tasks)

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(only_decode, paths[:20]))  # the loop's processes are warm, ours start from nothing
        decoding = best_of(lambda: list(pool.map(only_decode, paths, chunksize=10)))
    measuring = best_of(measure_all)
    with capsys.disabled():
        print(f"\n{len(paths)} photographs, {workers} processes, load {os.getloadavg()[0]:.1f}")
        print(f"  decode only            {len(paths) / decoding:7.0f} images/s")
        print(f"  all measures           {len(paths) / measuring:7.0f} images/s, start-up included")
        print(f"  measures / decode      {measuring / decoding:7.2f} times the time")


def test_the_whole_verb(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    settings = Settings().with_options({"dataset.images": str(photos)})
    times = []
    for _ in range(2):
        start = time.perf_counter()
        summary = run_here(workspace, "analyze", settings)
        times.append(time.perf_counter() - start)
    with capsys.disabled():
        print(
            f"\nanalyze {summary['images']} photographs: {times[0]:.1f} s; again, nothing new: {times[1]:.1f} s"
        )
