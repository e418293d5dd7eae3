"""How fast a folder is encoded, against the encoder alone and against one image at a time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from ancestor import Ancestor
from PIL import Image
from torch import Tensor, nn

from fext_engine.images.scan import scan
from fext_engine.jobs.run import run_here
from fext_engine.settings import Settings
from fext_engine.training.checkpoints import Position, load_model, model_for, save_checkpoint
from fext_engine.training.reading import ImageSize, read_images
from fext_engine.training.run_folder import RunFolder, create_run
from fext_engine.workspace import Workspace

pytestmark = pytest.mark.benchmark
ROUNDS = 3
"""The kinds of work take turns, so that other load meets all alike; the best of each counts."""
BATCH = 32
COPIES = 2  # times the photographs
SINGLE = 100  # photographs that the slow ways are timed on
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """What the work takes by the clock, and of the processors, which other load hardly changes."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


@torch.inference_mode()
def one_at_a_time(encoder: nn.Module, paths: list[Path]) -> list[np.ndarray]:
    """Each image decoded in full, resized, and put through the encoder alone."""
    found = []
    for path in paths:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((128, 128), Image.Resampling.BILINEAR))
        tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        found.append(encoder(tensor).numpy())
    return found


@torch.inference_mode()
def alone(encode: Callable[[Tensor], Tensor], batch: Tensor, count: int) -> None:
    for _ in range(count):
        encode(batch)


def in_threads(encode: Callable[[Tensor], Tensor], batch: Tensor, count: int) -> None:
    """The same on one core a thread."""
    with ThreadPoolExecutor(CORES, initializer=lambda: torch.set_num_threads(1)) as pool:
        list(pool.map(lambda n: alone(encode, batch, n), [count] * CORES))
    torch.set_num_threads(CORES)


def test_a_folder_against_the_encoder_alone_and_one_at_a_time(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(CORES)
    workspace = Workspace(tmp_path / "ws")
    workspace.create()
    settings = Settings().with_options({"device.device": "cpu", "inference.batch_size": BATCH})
    run = create_run(workspace, "r", settings, [])
    run.point("best", save_checkpoint(run, Position(1, 0, 1), model_for(settings).state_dict(), {}))
    files = [photos / file.path for file in scan(photos)]
    folder = tmp_path / "photos"
    folder.mkdir()
    for copy in range(COPIES):
        for number, file in enumerate(files):
            (folder / f"{copy}_{number:05d}.jpg").symlink_to(file)
    total = COPIES * len(files)
    model = load_model(RunFolder(run.path), torch.device("cpu")).model
    ancestor = nn.Sequential(*(m := Ancestor().eval()).encoder, *m.compress)
    single, names, size = files[:SINGLE], [file.name for file in files], ImageSize(128, 128, False)
    whole = torch.rand(BATCH, 3, 128, 128).to(memory_format=torch.channels_last)
    share = whole[: -(-BATCH // CORES)].contiguous(memory_format=torch.channels_last)
    batches = -(-total // BATCH)
    times: dict[str, list[tuple[float, float]]] = {}

    def timed(name: str, work: Callable[[], object], images: int) -> None:
        wall, cpu = seconds(work)
        times.setdefault(name, []).append((wall / images, cpu / images))

    for attempt in range(ROUNDS):
        arguments = {"run": "r", "input": str(folder), "output": str(tmp_path / f"out{attempt}")}
        timed("ours", lambda given=arguments: run_here(workspace, "encode", settings, given), total)
        timed("alone", lambda: alone(model.encode, whole, batches), batches * BATCH)
        timed("alone, a core a thread", lambda: in_threads(model.encode, share, batches), batches * BATCH)
        timed("decode", lambda: [i.path for i in read_images(photos, names, size, CORES, True)], len(files))
        for threads in {1, CORES}:
            torch.set_num_threads(threads)
            timed(f"single, {threads} threads", lambda: one_at_a_time(model.encoder, single), len(single))
            timed(f"ancestor, {threads} threads", lambda: one_at_a_time(ancestor, single), len(single))
    best = {name: min(wall for wall, _ in found) for name, found in times.items()}
    cores = {name: min(cpu for _, cpu in found) for name, found in times.items()}
    limit = min(best["alone"], best["alone, a core a thread"])
    with capsys.disabled():
        print(f"\n{total} photographs, 128 px, Redux, batch {BATCH}, {CORES} cores, load {os.getloadavg()[0]:.1f}, {sys.platform}")
        for name, each in best.items():
            print(f"  {name:24} {1000 * each:6.2f} ms an image {1 / each:6.0f} images/s {1000 * cores[name]:6.2f} ms of a core")
        print(f"  ours / the encoder alone (a)           {limit / best['ours']:.2f} of the faster one", end="")
        print(f", {best['alone'] / best['ours']:.2f} of one batch after another")
        for rival in ("single", "ancestor"):  # this Redux and the ancestor's, at the better number of threads
            each = min(seconds for name, seconds in best.items() if name.startswith(rival))
            print(f"  ours / one at a time, {rival:8} (b)     {each / best['ours']:.1f} times")
        print(f"  ours / the ancestor itself, 15 images/s {1 / 15 / best['ours']:.1f} times")
        print(f"  ours / decode and then encode          {(best['decode'] + limit) / best['ours']:.2f} times")
        bound = cores["ours"] / (cores["decode"] + cores["alone, a core a thread"])
        print(f"  of the processors, ours / decoding and the encoder by themselves {bound:.2f}")
    assert total > 0
