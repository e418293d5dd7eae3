"""Checkpoints: weights and training state as safetensors, written whole or not at all, checked when loaded."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fext_engine import __version__
from fext_engine.documents import read_json, require_file
from fext_engine.errors import FextError, room_to_write
from fext_engine.model.autoencoder import Autoencoder, build_model
from fext_engine.paths import escape_name
from fext_engine.settings import Settings
from fext_engine.training.run_folder import RunFolder
from fext_engine.workspace import atomic_folder, heed_umask

WEIGHTS, STATE, DESCRIPTION = "weights.safetensors", "state.safetensors", "state.json"
_FORMAT = 1
_WAY_OUT = "take another checkpoint: write its name into the run's file `last` or `best`"


@dataclass(frozen=True)
class Position:
    """How far training is: whole epochs, batches of the next one, and optimizer steps in all."""

    epoch: int = 0
    batch: int = 0
    step: int = 0

    def in_batches_of(self, size: int, before: int, steps_an_epoch: int) -> Position:
        """The same place where a batch has `size` images, `before` until now, and an epoch so many steps."""
        batch = min(self.batch * before // size, steps_an_epoch)
        return Position(self.epoch, batch, self.epoch * steps_an_epoch + batch)


@dataclass(frozen=True)
class LoadedModel:
    """A model with the weights of a checkpoint, in evaluation mode, and where it comes from."""

    model: Autoencoder
    settings: Settings
    epoch: int
    digest: str
    """SHA-256 of the weights file."""


def save_checkpoint(
    run: RunFolder, position: Position, weights: Mapping[str, Tensor], state: Mapping[str, Tensor]
) -> Path:
    """Write a checkpoint, whole or not at all, and return its folder; there must be none at that place yet.

    Raises FextError when it cannot be written, with the older ones as they were.
    """
    folder = run.checkpoint(position.epoch, position.batch)
    try:
        with atomic_folder(folder) as temporary:
            _save(temporary / WEIGHTS, weights)
            _save(temporary / STATE, state)
            description = {
                "format": _FORMAT,
                **asdict(position),
                "digests": {name: _digest(temporary / name) for name in (WEIGHTS, STATE)},
                "versions": {"fext": __version__, "torch": torch.__version__},
            }
            text = json.dumps(description, indent=1) + "\n"
            (temporary / DESCRIPTION).write_text(text, encoding="utf-8")
    except (OSError, SafetensorError) as error:
        whole = f"then `fext resume {run.name}`: the checkpoint before it is whole"
        raise FextError(
            f"the checkpoint {escape_name(str(folder))} cannot be written: {error}",
            f"{room_to_write(_as_os_error(error))}; {whole if run.checkpoints() else 'then train it anew'}",
        ) from error
    return folder


def read_position(checkpoint: Path) -> Position:
    """Where training stood at a checkpoint; raises FextError when its description is damaged."""
    description = _describe(checkpoint)
    return Position(description["epoch"], description["batch"], description["step"])


def load_weights(checkpoint: Path, model: Autoencoder) -> str:
    """Put a checkpoint's weights into `model` and return the file's digest.

    Raises FextError naming the file when it is missing, cut short, changed, or made for another model.
    """
    tensors, digest = _load(checkpoint, WEIGHTS)
    shown = escape_name(str(checkpoint / WEIGHTS))
    wanted = model.state_dict()
    for name in sorted({*wanted, *tensors}):
        ours, theirs = wanted.get(name), tensors.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            sizes = [tuple(t.shape) if t is not None else "nothing" for t in (theirs, ours)]
            raise FextError(
                f"{shown} does not fit {model.name}: it has {sizes[0]} for {name}, the model {sizes[1]}",
                "restore the run's own configuration.toml",
            )
    model.load_state_dict(tensors)
    return digest


def load_state(checkpoint: Path) -> dict[str, Tensor]:
    """The training state of a checkpoint; raises FextError naming the file when it is damaged."""
    return _load(checkpoint, STATE)[0]


def load_model(run: RunFolder, device: torch.device, checkpoint: Path | None = None) -> LoadedModel:
    """The run's model with the weights of `checkpoint`, else its best ones, ready to use on `device`.

    A run that was stopped within its first epoch has no best yet: then with its last ones. Raises FextError
    when there are none at all.
    """
    checkpoint = checkpoint or run.pointed("best") or run.pointed("last")
    if checkpoint is None:
        raise FextError(f"the run {run.name} has no checkpoint yet", "train it for an epoch at least")
    settings = run.settings()
    model = model_for(settings)
    digest = load_weights(checkpoint, model)
    model = model.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    return LoadedModel(model, settings, read_position(checkpoint).epoch, digest)


def find_weights(run: RunFolder, digest: str) -> Path | None:
    """The run's checkpoint whose weights file has that SHA-256, as its description says, or None."""
    for checkpoint in reversed(run.checkpoints()):
        with suppress(FextError):  # a damaged one is not the one
            if _describe(checkpoint)["digests"].get(WEIGHTS) == digest:
                return checkpoint
    return None


def model_for(settings: Settings) -> Autoencoder:
    """A new model of the kind and size that the settings describe."""
    data = settings.dataset
    channels = 1 if data.grayscale else 3
    return build_model(
        settings.model.name, channels, settings.model.dropout, data.image_height, data.image_width
    )


def prune(run: RunFolder, keep_last: int) -> None:
    """Remove old checkpoints, and those amid an epoch that is done; never the best or the last one."""
    kept = {run.pointed("best"), run.pointed("last")}
    whole = [folder for folder in run.checkpoints() if folder.name.isdigit()]
    kept.update(whole[-keep_last:])
    for folder in run.checkpoints():
        if folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def discard_after(run: RunFolder, checkpoint: Path) -> None:
    """Remove the checkpoints behind `checkpoint`, which a job wrote whole but was killed before it said so."""
    folders = run.checkpoints()
    for folder in folders[folders.index(checkpoint) + 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file({name: t.detach().contiguous().cpu() for name, t in tensors.items()}, path)
    heed_umask(path)


def _as_os_error(error: Exception) -> OSError:
    """What the system said: safetensors puts its number into the words."""
    said = re.search(r"os error (\d+)", str(error))
    return error if isinstance(error, OSError) else OSError(int(said[1]) if said else 0, str(error))


def _load(checkpoint: Path, name: str) -> tuple[dict[str, Tensor], str]:
    path = checkpoint / name
    shown = escape_name(str(path))
    wanted = _describe(checkpoint)["digests"].get(name)
    try:
        require_file(path)
        digest = _digest(path)
        if digest != wanted:
            raise FextError(f"{shown} is damaged: its content is not what was written", _WAY_OUT)
        return load_file(path), digest
    except (OSError, SafetensorError) as error:
        raise FextError(f"{shown} cannot be read: {error}", _WAY_OUT) from error


def _describe(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / DESCRIPTION
    shown = escape_name(str(path))
    try:
        description = read_json(path)
        numbers = [description[key] for key in ("epoch", "batch", "step", "format")]
        if not all(isinstance(n, int) and n >= 0 for n in numbers) or not isinstance(
            description["digests"], dict
        ):
            raise ValueError("its numbers make no sense")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FextError(f"{shown} is damaged: {error}", _WAY_OUT) from error
    if description["format"] > _FORMAT:
        raise FextError(f"{shown} was written by a newer FeXT", "update FeXT")
    found: dict[str, Any] = description
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
