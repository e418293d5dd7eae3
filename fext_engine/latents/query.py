"""The image that is searched for: its stored vector where the encoding has one, else the run's encoder at work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fext_engine.errors import FextError
from fext_engine.images.decode import content_digest, read_file
from fext_engine.images.faults import DecodeError
from fext_engine.latents.distance import Vectors
from fext_engine.latents.encoding import Encoding
from fext_engine.latents.manifest import Preprocessing
from fext_engine.paths import escape_name
from fext_engine.training.run_folder import RunFolder
from fext_engine.workspace import Workspace

if TYPE_CHECKING:
    from fext_engine.sections import DeviceSettings


@dataclass(frozen=True)
class Query:
    """What is searched for."""

    vector: Vectors
    """(1, D), of the encoding's dtype."""
    row: int | None = None
    """The row of the image itself, which is left out of what is found; None where it has none."""


def find_query(encoding: Encoding, image: Path, workspace: Workspace, device: DeviceSettings) -> Query:
    """The query for any image file, inside or outside the encoded folder; see `stored_query`, `encode_query`."""
    return stored_query(encoding, image) or encode_query(encoding, image, workspace, device)


def stored_query(encoding: Encoding, image: Path) -> Query | None:
    """The query for a file whose content the encoding has a row of, wherever it lies; None for other content.

    Takes no torch. Only the file that the row was made of is left out of what is found: a copy of it elsewhere
    finds that one too. Raises FextError when the file cannot be read.
    """
    try:
        digest = content_digest(read_file(image))
    except DecodeError as error:
        raise _unusable(image, f"{error.kind}, {error.reason}") from error
    rows = [row for row, file in enumerate(encoding.rows) if file.digest == digest]
    if not rows:
        return None
    itself = _stored_paths(encoding, image)
    row = next((row for row in rows if encoding.rows[row].path in itself), None)
    return Query(encoding.vectors[rows[0] if row is None else row][None], row)


def encode_query(encoding: Encoding, image: Path, workspace: Workspace, device: DeviceSettings) -> Query:
    """The query for an image that is encoded now, by the weights and in the way that made the encoding.

    Raises FextError when the image is broken, or the run does not have those weights any more.
    """
    from fext_engine.latents.encode import encode_pixels  # torch takes seconds
    from fext_engine.training.checkpoints import find_weights, load_model
    from fext_engine.training.device import choose_device
    from fext_engine.training.reading import ImageSize, read_image

    manifest, name = encoding.manifest, escape_name(encoding.name)
    run = _run_of(encoding, workspace)
    checkpoint = find_weights(run, manifest.checkpoint.digest.removeprefix("sha256:"))
    if checkpoint is None:
        raise FextError(
            f"{name} was made by epoch {manifest.checkpoint.epoch} of {run.name}, which keeps no checkpoint of it",
            f"encode its folder again with `fext encode {run.name}`",
        )
    place = choose_device(device)
    loaded = load_model(run, place, checkpoint)
    data = loaded.settings.dataset
    if manifest.preprocessing != Preprocessing.of(data):
        raise FextError(
            f"the images of {name} were prepared in another way than {run.name} does it now",
            f"encode its folder again with `fext encode {run.name}`",
        )
    size = ImageSize(data.image_height, data.image_width, data.grayscale)
    read = read_image(image.parent, escape_name(image.name), size)
    if read.pixels is None:
        raise _unusable(image, f"{read.status}, {read.reason}")
    vector = encode_pixels(loaded, np.stack([read.pixels]), place, manifest.pooling).reshape(1, -1)
    return Query(vector.astype(np.dtype(manifest.dtype)))


def _run_of(encoding: Encoding, workspace: Workspace) -> RunFolder:
    """The run that an encoding names; the name is compared, never made part of a path."""
    for folder in workspace.checkpoints.iterdir() if workspace.checkpoints.is_dir() else ():
        if folder.name == encoding.manifest.run:
            return RunFolder(folder)
    raise FextError(
        f"the run {escape_name(encoding.manifest.run)}, which made {escape_name(encoding.name)}, is gone, and only "
        "it can encode another image",
        "search with an image of the encoded folder, or encode the folder with another run",
    )


def _stored_paths(encoding: Encoding, image: Path) -> set[str]:
    """What rows.csv would call the file, by its name as it is given and by its real one."""
    found = set()
    for resolve in (os.path.abspath, os.path.realpath):
        path, root = Path(resolve(image)), Path(resolve(encoding.images))
        if path.is_relative_to(root):
            found.add(escape_name(path.relative_to(root).as_posix()))
    return found


def _unusable(image: Path, reason: str) -> FextError:
    return FextError(
        f"{escape_name(str(image))} cannot be searched for: {reason}",
        "search with an image that FeXT can read",
    )
