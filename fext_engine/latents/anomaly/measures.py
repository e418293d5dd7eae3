"""What the run's model makes of images: how well it gives them back, and its features at every position."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fext_engine.latents.encoding import Encoding
from fext_engine.model.metrics import ssim
from fext_engine.training.batches import to_float
from fext_engine.training.checkpoints import LoadedModel
from fext_engine.training.device import autocast
from fext_engine.training.reading import ImageSize, ReadImage, read_images

Floats = NDArray[np.float32]

STAGE = 2
"""The encoder's stage whose features are compared, at 1/8 of the image's size: measured best of them all.
The latent map finds as many anomalies worse, and has too few positions to say where they are."""

POSITIONS = 32
"""Of an edge of the features, at most; larger maps are averaged down, so that memory stays within bounds."""


class Measures(NamedTuple):
    """Of N images; each field has one entry an image."""

    rows: NDArray[np.int64]
    """Of the encoding."""
    mae: Floats
    """(N,): mean absolute error of the reconstruction, where black to white is 1."""
    structure: Floats
    """(N,): 1 - SSIM of the reconstruction."""
    errors: Floats
    """(N, H, W): absolute error of each pixel, its mean over the channels."""
    features: Floats
    """(N, h, w, C) of the encoder's stage."""


class Fault(NamedTuple):
    """Why an image of an encoding cannot be measured."""

    row: int
    status: str
    reason: str


@dataclass(frozen=True)
class Measurer:
    """A run's model at work on the images of encodings that it made."""

    loaded: LoadedModel
    device: torch.device
    threads: int
    batch_size: int

    @property
    def size(self) -> ImageSize:
        """What every image is brought to."""
        data = self.loaded.settings.dataset
        return ImageSize(data.image_height, data.image_width, data.grayscale)

    @property
    def image_bytes(self) -> int:
        """What the measures of one image take in memory."""
        model, size = self.loaded.model, self.size
        positions = math.prod(min(POSITIONS, -(-edge // 2 ** (STAGE + 1))) for edge in (size.height, size.width))
        return 4 * (size.height * size.width + positions * model.architecture.stages[STAGE][0])

    def read(
        self, encoding: Encoding, rows: NDArray[np.int64]
    ) -> Iterator[tuple[Measures | None, list[Fault]]]:
        """Yield the measures of a batch of rows, None where there are none, and what is wrong with the others.

        A file that is not the one that was encoded is at fault: the row's vector is of another image.
        """
        files = [encoding.rows[row] for row in rows]
        images = read_images(encoding.images, [file.path for file in files], self.size, self.threads)
        triples = zip(rows.tolist(), files, images, strict=True)
        while batch := list(islice(triples, self.batch_size)):
            faults = [Fault(row, *_fault(image, file.digest)) for row, file, image in batch]
            good = [
                (row, image.pixels)
                for (row, _, image), fault in zip(batch, faults, strict=True)
                if fault.status == "ok" and image.pixels is not None
            ]
            measures = self._measure(*zip(*good, strict=True)) if good else None
            yield measures, [fault for fault in faults if fault.status != "ok"]

    @torch.inference_mode()
    def _measure(self, rows: tuple[int, ...], pixels: tuple[NDArray[np.uint8], ...]) -> Measures:
        model = self.loaded.model
        images = to_float(torch.from_numpy(np.stack(pixels)).to(self.device))
        kept: list[Tensor] = []
        stage = model.encoder.stages[STAGE]
        hook = stage.register_forward_hook(lambda module, inputs, output: kept.append(output))
        try:
            with autocast(self.device, self.loaded.settings.training.mixed_precision):
                output = model.decode(model.encode(images)).float()
        finally:
            hook.remove()
        features = kept[0].float()
        if max(features.shape[2:]) > POSITIONS:
            height, width = (min(POSITIONS, edge) for edge in features.shape[2:])
            features = F.adaptive_avg_pool2d(features, (height, width))
        error = (output - images).abs().mean(1)
        parts = (
            error.mean((1, 2)), (1 - ssim(output, images)).clamp_min(0), error, features.permute(0, 2, 3, 1),
        )  # fmt: skip
        return Measures(np.array(rows), *(part.cpu().numpy() for part in parts))


def _fault(image: ReadImage, digest: str) -> tuple[str, str]:
    if image.digest and image.digest != digest:
        return "changed", "the file is not the one that was encoded"
    return image.status, image.reason
