"""Encoding single files exactly as an encoding's rows were made: for questions about images from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError
from fext_engine.latents.encoder import ImageEncoder
from fext_engine.latents.encoding import Encoding
from fext_engine.latents.manifest import Preprocessing
from fext_engine.latents.projection import read_projection
from fext_engine.paths import escape_name
from fext_engine.sections import DeviceSettings
from fext_engine.training.checkpoints import find_weights, load_model
from fext_engine.training.device import choose_device
from fext_engine.training.reading import ImageSize, ReadImage, in_order, read_image, thread_count
from fext_engine.training.run_folder import RunFolder
from fext_engine.workspace import Workspace

_BATCH = 32


def encode_files(
    encoding: Encoding, paths: Iterable[Path], workspace: Workspace, device: DeviceSettings
) -> tuple[NDArray[Any], dict[Path, str]]:
    """Encode image files in the very same way as the rows of `encoding`.

    Returns `(vectors, problems)`: vectors (N, *row_shape) of the encoding's dtype, one row for each of `paths`
    that can be decoded, in their order; and for each of the others its kind of fault and the reason, as text.
    Raises FextError as `encoder_of` does. Who asks more than once keeps what `encoder_of` returns and calls
    `encode_with`.
    """
    return encode_with(encoder_of(encoding, workspace, device), paths, thread_count(device.num_workers))


def encoder_of(encoding: Encoding, workspace: Workspace, device: DeviceSettings) -> ImageEncoder:
    """The encoder that made an encoding: the very weights, preprocessing, pooling, projection and dtype.

    A run's best checkpoint moves on while it is trained; as long as the run still keeps the one that the
    manifest names, that one is taken. Raises FextError, which says what is missing, when the run or that
    checkpoint is gone, or when the run prepares images in another way now.
    """
    manifest = encoding.manifest
    shown = escape_name(encoding.name)
    run = _run_of(encoding, workspace)
    checkpoint = find_weights(run, manifest.checkpoint.digest.removeprefix("sha256:"))
    if checkpoint is None:
        raise FextError(
            f"the weights that made {shown} (epoch {manifest.checkpoint.epoch} of {run.name}) are not among "
            "the run's checkpoints any more",
            f"encode its folder again with `fext encode {run.name}`",
        )
    place = choose_device(device)
    loaded = load_model(run, place, checkpoint)
    if Preprocessing.of(loaded.settings.dataset) != manifest.preprocessing:
        raise FextError(
            f"{shown} was made of images that were prepared in another way than {run.name} does it now",
            f"encode its folder again with `fext encode {run.name}`",
        )
    projection = read_projection(encoding.folder, manifest)
    return ImageEncoder(loaded, place, manifest.pooling, np.dtype(manifest.dtype), projection)


def encode_with(
    encoder: ImageEncoder, paths: Iterable[Path], threads: int
) -> tuple[NDArray[Any], dict[Path, str]]:
    """What `encode_files` does, with an encoder that is there already."""
    problems: dict[Path, str] = {}
    parts = [np.empty((0, *encoder.row_shape), encoder.dtype)]

    def read(path: Path) -> tuple[Path, ReadImage]:
        return path, _read(path, encoder.size)

    images = in_order(read, paths, threads)
    while batch := list(islice(images, _BATCH)):
        problems |= {path: f"{i.status}, {i.reason}" for path, i in batch if i.pixels is None}
        pixels = [image.pixels for _, image in batch if image.pixels is not None]
        if pixels:
            parts.append(encoder.encode(pixels))
    return np.concatenate(parts), problems


def _read(path: Path, size: ImageSize) -> ReadImage:
    return read_image(path.parent, escape_name(path.name), size)


def _run_of(encoding: Encoding, workspace: Workspace) -> RunFolder:
    """The run that an encoding names; the name is compared, never made part of a path."""
    for folder in workspace.checkpoints.iterdir() if workspace.checkpoints.is_dir() else ():
        if folder.name == encoding.manifest.run:
            return RunFolder(folder)
    name, place = escape_name(encoding.manifest.run), escape_name(str(workspace.root))
    raise FextError(
        f"{escape_name(encoding.name)} was made with the run {name}, which is not in {place}",
        "name the resources folder that has it with --resources DIR, or encode the folder again",
    )
