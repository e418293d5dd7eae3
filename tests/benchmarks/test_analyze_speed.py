"""How fast a dataset is measured, against only decoding it and against eight separate programs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
from separate_measures import GROUPS, decode

from fext_engine.images.findings import Task
from fext_engine.images.pool import examine_all, worker_count
from fext_engine.images.scan import scan
from fext_engine.jobs.run import run_here
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace

pytestmark = pytest.mark.benchmark
ROUNDS = 3
SEPARATE = 100  # photographs that the slow way is timed on
REPEATS = (1, 4)  # times the photographs: the start-up's share shrinks


def only_decode(path: str) -> int:
    return decode(path).size


class Clock:
    """The best time of each kind of work; the kinds take turns, so that other load meets all alike."""

    def __init__(self) -> None:
        self.best: dict[str, float] = {}

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.best[name] = min(time.perf_counter() - start, self.best.get(name, float("inf")))


@pytest.mark.parametrize("repeats", REPEATS)
def test_measures_against_decoding(photos: Path, repeats: int, capsys: pytest.CaptureFixture[str]) -> None:
    files = [f.path for f in scan(photos)] * repeats
    paths = [str(photos / name) for name in files]
    tasks = [Task(i, name) for i, name in enumerate(files)]
    workers = worker_count("auto", len(tasks))
    clock = Clock()
    for _ in range(ROUNDS):
        with clock.timing("ours"):
            measured = examine_all(photos, tasks, workers, lambda: False)
            assert sum(len(chunk) for chunk in measured) == len(tasks)
        with clock.timing("cold loop"), get_context("spawn").Pool(workers) as pool:
            with clock.timing("start"):
                pool.map(only_decode, paths[: 2 * workers], chunksize=1)
            with clock.timing("loop"):
                assert sum(1 for _ in pool.imap_unordered(only_decode, paths, chunksize=4)) == len(paths)
        with clock.timing("separate"):
            separately(paths[:SEPARATE])
    separate = clock.best["separate"] * len(paths) / SEPARATE
    with capsys.disabled():
        print(f"\n{len(paths)} photographs, {workers} processes, load {os.getloadavg()[0]:.1f}")
        say(f"ours, start-up included ({workers} processes)", clock.best["ours"], len(paths))
        say("(a) only decode, processes running already", clock.best["loop"], len(paths))
        say("(a) only decode, its start-up included", clock.best["cold loop"], len(paths))
        say(f"(b) eight decodes, one process (from {SEPARATE})", separate, len(paths))
        print(f"  ours / (a)  {clock.best['ours'] / clock.best['loop']:.2f} times, ", end="")
        print(f"{clock.best['ours'] / clock.best['cold loop']:.2f} with its start-up")
        print(f"  (b) / ours  {separate / clock.best['ours']:.1f} times")


def separately(paths: list[str]) -> None:
    for group in GROUPS:
        for path in paths:
            group(path)


def say(what: str, seconds: float, images: int) -> None:
    print(f"  {what:48} {seconds:6.2f} s {images / seconds:6.0f} images/s")


def best_of(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def test_one_image_at_a_time(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a core does per image, free of processes and their start."""
    import cv2

    from fext_engine.images.examine import examine

    cv2.setNumThreads(1)  # as in a worker
    names = [f.path for f in scan(photos)][::4]
    tasks = [Task(i, name) for i, name in enumerate(names)]
    decoding = best_of(lambda: [only_decode(str(photos / name)) for name in names])
    measuring = best_of(lambda: [examine(photos, task) for task in tasks])
    with capsys.disabled():
        print(f"\none core: decode {1000 * decoding / len(names):.2f} ms an image, ", end="")
        print(f"decode and measure {1000 * measuring / len(names):.2f} ms: {measuring / decoding:.2f} times")


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
