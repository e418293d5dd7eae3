"""Encoding single files exactly as an encoding's rows were made: for questions about images from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fext_engine.latents.encoder import ImageEncoder
from fext_engine.latents.encoding import Encoding
from fext_engine.latents.maker import find_run, load_maker
from fext_engine.latents.projection import read_projection
from fext_engine.paths import escape_name
from fext_engine.sections import DeviceSettings
from fext_engine.training.device import choose_device
from fext_engine.training.reading import ImageSize, ReadImage, in_order, read_single_image, thread_count
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
    place, manifest = choose_device(device), encoding.manifest
    loaded = load_maker(encoding, find_run(encoding, workspace), place)
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
    return read_single_image(path.parent, escape_name(path.name), size)
