"""What is exported: a run's model, with images and what the model makes of them, to check every format by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from fext_engine.errors import FextError
from fext_engine.images import sample_pictures
from fext_engine.images.decode import Pixels
from fext_engine.images.scan import image_path
from fext_engine.jobs.job import Job
from fext_engine.training.batches import to_float
from fext_engine.training.checkpoints import LoadedModel
from fext_engine.training.image_folder import find_images
from fext_engine.training.reading import ImageSize, read_single_image
from fext_engine.training.run_folder import RunFolder, read_split

CHECKED = 8
"""Images that an export is checked on."""

PARTS = ("encoder", "autoencoder")

Part = Callable[[Pixels], NDArray[np.float32]]
"""A part of an exported model: images (N, H, W, C) uint8 to float32, laid out alike."""


@dataclass(frozen=True)
class Subject:
    """The model in float32 on the CPU, whatever it was trained on."""

    run: str
    loaded: LoadedModel
    pixels: Pixels
    """The images to check on, (N, H, W, C) uint8, at least two."""
    files: tuple[Path, ...]
    """The files of these images; none for generated ones."""
    source: str
    """What images they are, in words."""

    @property
    def size(self) -> ImageSize:
        """What the model takes."""
        return _size(self.loaded)

    @torch.inference_mode()
    def expected(self) -> dict[str, NDArray[np.float32]]:
        """What each of PARTS must give for `pixels`, by FeXT's own model.

        Latents (N, H', W', C) of `encoder`, reconstructions (N, H, W, C) in [0, 1] of `autoencoder`.
        """
        model = self.loaded.model
        latents = model.encode(to_float(torch.from_numpy(self.pixels)))
        results = dict(zip(PARTS, (latents, model.decode(latents)), strict=True))
        return {part: result.permute(0, 2, 3, 1).numpy() for part, result in results.items()}


@dataclass(frozen=True)
class Format:
    """How a format is written, read again and used. Each `<format>_format.py` has one as FORMAT."""

    write: Callable[[Path, Subject, dict[str, str]], Iterator[str]]
    """Write the model's files into a folder, one by one, and yield each one's name; the dict says what they are."""
    load: Callable[[Path], dict[str, Part]]
    """Load PARTS from what was written, as a user would."""
    code: str
    """The file of Python code beside the model, which can read an image file."""
    inputs: str
    """What the model takes and gives, for config.json; `{height}` and such are filled in."""
    outputs: str
    example: str
    """Lines of Python that use it, run in the folder."""


def choose_subject(job: Job, run: RunFolder, loaded: LoadedModel) -> Subject:
    """Take images of the run's validation split to check on; generated ones where none can be read."""
    size = _size(loaded)
    read: dict[Path, Pixels] = {}
    try:
        rows = read_split(run)
        root = find_images(job, loaded.settings, rows)
    except FextError as error:
        job.log(f"{error.what}: the export is checked on generated pictures", "warning")
    else:
        paths = [row.path for row in rows if row.split == "validation"]
        for i in np.linspace(0, len(paths) - 1, min(CHECKED, len(paths))).astype(int):
            pixels = read_single_image(root, paths[i], size).pixels
            if pixels is not None:
                read[image_path(root, paths[i])] = pixels
        if not read:
            job.log("no validation image can be read: the export is checked on generated pictures", "warning")
    chosen = list(read.values()) or [_generated(draw, size) for draw in _DRAWN]
    chosen = chosen if len(chosen) > 1 else chosen * 2  # two batches of different sizes are tried
    source = f"{len(read)} validation images" if read else f"{len(chosen)} generated pictures"
    return Subject(run.name, loaded, np.stack(chosen), tuple(read), source)


_DRAWN: tuple[Callable[..., Any], ...] = (
    sample_pictures.draw_sunset, sample_pictures.draw_shapes, sample_pictures.draw_clouds,
    sample_pictures.draw_flowers,
)  # fmt: skip


def _size(loaded: LoadedModel) -> ImageSize:
    data = loaded.settings.dataset
    return ImageSize(data.image_height, data.image_width, data.grayscale)


def _generated(draw: Callable[..., Any], size: ImageSize) -> Pixels:
    picture = Image.fromarray(draw(np.random.default_rng(0), 128, 128))
    resized = picture.resize((size.width, size.height), Image.Resampling.BILINEAR)
    return np.array(resized.convert("L" if size.grayscale else "RGB")).reshape(size.shape)
