"""Where the time of a training step goes, and what share of the machine's own speed each kind of work reaches.

The limits are measured in the same run: a large matrix product for arithmetic, a large copy for memory.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from preset_training import new_workspace, prepared_trainer, stock_settings
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from fext_engine.training.batches import batch_size, training_batches

pytestmark = pytest.mark.benchmark
STEPS = 8


def best_seconds(work: Callable[[], object], device: torch.device, rounds: int = 8) -> float:
    """The shortest of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return best


def machine_limits(device: torch.device) -> tuple[float, float]:
    """Floating-point operations a second of a float32 matrix product, bytes a second of a copy (read and written)."""
    side = 2048
    a = torch.rand(side, side, device=device)
    flops = 2 * side**3 / best_seconds(lambda: a @ a, device)
    source = torch.rand(64 << 20, device=device)
    target = torch.empty_like(source)
    return flops, 2 * source.nbytes / best_seconds(lambda: target.copy_(source), device)


def test_a_step_of_redux(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prepared_trainer(new_workspace(tmp_path), stock_settings("fextae_redux", photos)) as trainer:
        device, size = trainer.device, batch_size(trainer.settings)
        peak_flops, peak_bytes = machine_limits(device)
        batches = list(training_batches(trainer.train_data, trainer.settings, 1, 0, device))[:STEPS]
        trainer.train_step(batches[0])
        step = best_seconds(lambda: trainer.train_step(batches[0]).cpu(), device)
        with FlopCounterMode(display=False) as counter:
            trainer.train_step(batches[0])
        flops = counter.get_total_flops()
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
        with profile(activities=activities) as profiler:
            for batch in batches:
                trainer.train_step(batch)
    times: dict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        own = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        times[event.key] += own / 1e3 / len(batches)
    whole = sum(times.values())
    with capsys.disabled():
        print(f"\na step of Redux, {size} images at 128 px on {device}, {torch.get_num_threads()} threads")
        print(f"  {step * 1e3:.0f} ms, {size / step:.1f} images a second; {flops / 1e9:.2f} GFLOP, {flops / step / 1e9:.0f} GFLOPS:")
        print(f"  {flops / step / peak_flops:.2f} of a matrix product's {peak_flops / 1e9:.0f} (a copy: {peak_bytes / 1e9:.1f} GB/s)")
        for name, ms in sorted(times.items(), key=lambda item: -item[1])[:14]:
            print(f"  {ms:7.1f} ms {ms / whole:5.1%}  {name}")
    assert flops > 0
