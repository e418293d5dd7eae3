"""Small generated image folders and runs, for the tests of training, evaluation and encoding."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.modules.module import register_module_forward_hook

from fext_engine.jobs.run import run_here
from fext_engine.model.autoencoder import Autoencoder
from fext_engine.settings import Settings
from fext_engine.training.checkpoints import Position, model_for, save_checkpoint
from fext_engine.training.run_folder import RunFolder, create_run
from fext_engine.workspace import Workspace

torch.set_num_threads(1)  # at this size more threads only wait for each other

SMALL = {
    "dataset.image_height": 24, "dataset.image_width": 16, "dataset.validation_size": 0.25,
    "training.batch_size": 4, "training.epochs": 2, "schedule.warmup_steps": 5,
    "augmentation.enabled": True, "device.device": "cpu",
}  # fmt: skip


def make_images(folder: Path, count: int = 16, size: tuple[int, int] = (30, 26)) -> Path:
    """Smooth coloured pictures in two classes, each different from the others."""
    for i in range(count):
        rng = np.random.default_rng(i)
        coarse = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
        path = folder / "ab"[i % 2] / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)
    return folder


def make_workspace(root: Path, images: int = 16) -> Workspace:
    """A workspace with training images in its own images folder."""
    workspace = Workspace(root)
    workspace.create()
    if images:
        make_images(workspace.images, images)
    return workspace


def small_settings(**changes) -> Settings:
    """Settings for a training of a second; write `training__epochs=3` for `training.epochs`."""
    return Settings().with_options(SMALL | {key.replace("__", "."): v for key, v in changes.items()})


def train(workspace: Workspace, name: str = "r", on_event=None, **changes) -> RunFolder:
    """Train a run called `name` and return its folder."""
    run_here(workspace, "train", small_settings(**changes), {"name": name}, on_event)
    return RunFolder(workspace.run(name))


def resume(workspace: Workspace, name: str = "r", epochs: int = 2, on_event=None, **changes) -> RunFolder:
    """Train a run further."""
    run_here(workspace, "resume", small_settings(**changes), {"run": name, "epochs": epochs}, on_event)
    return RunFolder(workspace.run(name))


def untrained(workspace: Workspace, name: str = "r", seed: int = 0, epoch: int = 1, **changes) -> RunFolder:
    """A run with saved weights that nothing was learned in: all that encoding needs, in a moment."""
    settings = small_settings(**changes)
    run = RunFolder(workspace.run(name))
    if not run.path.exists():
        create_run(workspace, name, settings, [])
    torch.manual_seed(seed)
    weights = {name: t + 0.05 * torch.randn(t.shape) for name, t in model_for(settings).state_dict().items()}
    run.point("best", save_checkpoint(run, Position(epoch, 0, epoch), weights, {}))
    return run


@contextmanager
def at_step(number: int, action: Callable[[], object]) -> Iterator[None]:
    """Do something amid the training step of that number, counted from 1 over everything inside the block."""
    steps = 0

    def count(module, inputs, output):
        nonlocal steps
        if isinstance(module, Autoencoder) and module.training:
            steps += 1
            if steps == number:
                action()

    handle = register_module_forward_hook(count)
    try:
        yield
    finally:
        handle.remove()


def ask_to_stop() -> None:
    """What the supervisor and Ctrl-C do to the process of a job."""
    signal.raise_signal(signal.SIGTERM)


def plant_broken_files(folder: Path) -> dict[str, str]:
    """Put files that are no images among the others; returns the status each must get, by its stored path."""
    whole = next(folder.rglob("*.png")).read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not an image")
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "new\nline.png").write_bytes(b"")
    (folder / "[red]x.png").write_bytes(whole)
    return {
        "empty.png": "empty",
        "text.jpg": "not_an_image",
        "cut.png": "truncated",
        "new\\nline.png": "empty",
    }
