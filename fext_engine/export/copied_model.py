"""Loading an exported model, without the rest of FeXT: this module's source becomes a part of its model.py.

It may import nothing of FeXT but modules that are copied beside it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from fext_engine.export.copied_images import load_pixels
from fext_engine.model.autoencoder import Autoencoder


def read_config() -> dict[str, Any]:
    """What config.json beside this file says of the model."""
    config: dict[str, Any] = json.loads(Path(__file__).with_name("config.json").read_text(encoding="utf-8"))
    return config


def load_model() -> Autoencoder:
    """The model with its weights, on the CPU, ready to use: `model(images)`, `model.encode`, `model.decode`."""
    config = read_config()
    size = config["preprocessing"]
    model = Autoencoder(config["model"], size["channels"], 0.0, size["height"], size["width"])
    model.load_state_dict(load_file(Path(__file__).with_name("model.safetensors")))
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster, the same results
    return model.eval()


def load_image(path: str | os.PathLike[str]) -> Tensor:
    """Read an image file as the model expects it: (1, channels, height, width), float in [0, 1]; see load_pixels."""
    size = read_config()["preprocessing"]
    pixels = load_pixels(path, size["height"], size["width"], size["channels"])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
