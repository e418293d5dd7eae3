"""The manifest of an encoding: all that a reader needs besides the vectors and the rows."""

from __future__ import annotations

import json
import platform
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import PIL
import torch

from fext_engine import __version__
from fext_engine.images.pixels import BACKGROUND
from fext_engine.latents.pooling import LAYOUTS, row_shape
from fext_engine.paths import escape_name
from fext_engine.sections import InferenceSettings
from fext_engine.training.checkpoints import LoadedModel

FORMAT = 1


def manifest(
    run: str, loaded: LoadedModel, inference: InferenceSettings, images: Path, statuses: Counter[str]
) -> str:
    """The manifest as JSON text; `statuses` counts the files by how they could be read."""
    data = loaded.settings.dataset
    document = {
        "format": FORMAT,
        "run": run,
        "model": loaded.model.name,
        "checkpoint": {"epoch": loaded.epoch, "digest": f"sha256:{loaded.digest}"},
        "images": escape_name(str(images)),
        "latent_shape": list(loaded.model.latent_shape),
        "row_shape": list(row_shape(loaded.model.latent_shape, inference.pooling)),
        "layout": LAYOUTS[inference.pooling],
        "dtype": inference.latent_dtype,
        "pooling": inference.pooling,
        "preprocessing": {
            "height": data.image_height,
            "width": data.image_width,
            "channels": 1 if data.grayscale else 3,
            "orientation": "EXIF applied",
            "transparency": f"composited on RGB {BACKGROUND}",
            "resize": "stretched, Pillow BILINEAR with antialiasing; large JPEGs reduced while decoding",
            "scaling": "pixel / 255",
        },
        "counts": {
            "files": statuses.total(),
            "encoded": statuses["ok"],
            "broken": {kind: count for kind, count in sorted(statuses.items()) if kind != "ok"},
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "fext": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
