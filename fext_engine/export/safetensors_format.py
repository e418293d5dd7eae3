"""The format `safetensors`: the weights, and one Python file that is the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from fext_engine.export.parity import load_code
from fext_engine.export.sources import MODEL, standalone_source
from fext_engine.export.subject import Format, Part, Subject
from fext_engine.images.decode import Pixels
from fext_engine.training.batches import to_float

CODE = "model.py"
WEIGHTS = "model.safetensors"
_ABOUT = "An autoencoder that FeXT trained: load_model() and load_image(path). It needs PyTorch, and no FeXT."


def write(folder: Path, subject: Subject, about: dict[str, str]) -> Iterator[str]:
    """Write model.safetensors, with `about` inside, and model.py."""
    weights = {name: t.contiguous() for name, t in subject.loaded.model.state_dict().items()}
    (folder / WEIGHTS).write_bytes(save(weights, {"format": "pt", **about}))
    yield WEIGHTS
    (folder / CODE).write_text(standalone_source(_ABOUT, MODEL), encoding="utf-8")
    yield CODE


def load(folder: Path) -> dict[str, Part]:
    """The model by its own model.py."""
    model = load_code(folder / CODE).load_model()

    @torch.inference_mode()
    def encoder(pixels: Pixels) -> NDArray[np.float32]:
        result: NDArray[np.float32] = (
            model.encode(to_float(torch.from_numpy(pixels))).permute(0, 2, 3, 1).numpy()
        )
        return result

    @torch.inference_mode()
    def autoencoder(pixels: Pixels) -> NDArray[np.float32]:
        result: NDArray[np.float32] = model(to_float(torch.from_numpy(pixels))).permute(0, 2, 3, 1).numpy()
        return result

    return {"encoder": encoder, "autoencoder": autoencoder}


FORMAT = Format(
    write,
    load,
    CODE,
    "images: float32 (N, {channels}, {height}, {width}) in [0, 1], N of any size",
    "encode: latents, float32 (N, {latent_channels}, {latent_height}, {latent_width}); "
    "decode: reconstructions, float32 (N, {channels}, {height}, {width}), clamped to [0, 1]",
    """\
import torch
from model import load_image, load_model

model = load_model()
images = load_image("photo.jpg")  # (1, {channels}, {height}, {width}), float in [0, 1]
with torch.inference_mode():
    latents = model.encode(images)  # (1, {latent_channels}, {latent_height}, {latent_width})
    reconstructions = model.decode(latents)  # (1, {channels}, {height}, {width}), clamped to [0, 1]
""",
)
