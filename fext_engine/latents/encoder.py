"""From resized pixels to rows of latent vectors: weights, pooling, projection and number format in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fext_engine.latents.pooling import pool, row_shape
from fext_engine.latents.projection import Projection
from fext_engine.training.batches import to_float
from fext_engine.training.checkpoints import LoadedModel
from fext_engine.training.device import autocast
from fext_engine.training.reading import ImageSize


@dataclass(frozen=True)
class ImageEncoder:
    """A run's encoder, and what becomes of its latent maps."""

    loaded: LoadedModel
    device: torch.device
    pooling: str
    dtype: np.dtype[Any]
    projection: Projection | None = None
    """Of `pca`; the other poolings have none."""

    @property
    def size(self) -> ImageSize:
        """What every image is brought to first."""
        data = self.loaded.settings.dataset
        return ImageSize(data.image_height, data.image_width, data.grayscale)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        components = len(self.projection.components) if self.projection else 0
        return row_shape(self.loaded.model.latent_shape, self.pooling, components)

    def encode(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[Any]:
        """Rows (N, *row_shape) of the encoder's dtype for N images of resized pixels (H, W, C), uint8."""
        return self.start(pixels)()

    @torch.inference_mode()
    def start(self, pixels: Sequence[NDArray[np.uint8]]) -> Callable[[], NDArray[Any]]:
        """Begin to encode; the function that comes back waits for the rows.

        On CUDA transfers and computing run on while the caller prepares the next batch; elsewhere the work
        is done when this returns.
        """
        batch = torch.from_numpy(np.stack(pixels))
        if self.device.type == "cuda":
            batch = batch.pin_memory()  # only from there a transfer runs beside other work
        images = to_float(batch.to(self.device, non_blocking=True))
        with autocast(self.device, self.loaded.settings.training.mixed_precision):
            latents = self.loaded.model.encode(images)
        rows = pool(latents.float(), self.pooling)
        if self.device.type != "cuda":
            return lambda: self._finish(rows)
        host = torch.empty(rows.shape, pin_memory=True)
        host.copy_(rows, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record(torch.cuda.current_stream(self.device))

        def wait() -> NDArray[Any]:
            arrived.synchronize()
            return self._finish(host)

        return wait

    def _finish(self, rows: Tensor) -> NDArray[Any]:
        found: NDArray[np.float32] = rows.cpu().numpy()
        if self.projection is not None:
            found = self.projection.apply(found)
        return found.astype(self.dtype, copy=False)
