"""The format `torch`: graphs of torch.export, which PyTorch runs without the model's Python code."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fext_engine.export.graphs import INPUTS_TEXT, OUTPUTS_TEXT, trace
from fext_engine.export.sources import READING, standalone_source
from fext_engine.export.subject import PARTS, Format, Part, Subject
from fext_engine.images.decode import Pixels

CODE = "preprocess.py"


def write(folder: Path, subject: Subject, about: dict[str, str]) -> Iterator[str]:
    """Write encoder.pt2 and autoencoder.pt2, and the code that reads images."""
    for part in PARTS:
        buffer = io.BytesIO()  # torch's own writer does not say that a disk is full
        torch.export.save(trace(part, subject), buffer)
        (folder / f"{part}.pt2").write_bytes(buffer.getvalue())
        yield f"{part}.pt2"
    source = standalone_source("Reads image files for the graphs beside it. Made by FeXT.", READING)
    (folder / CODE).write_text(source, encoding="utf-8")
    yield CODE


def load(folder: Path) -> dict[str, Part]:
    """The graphs as they lie on disk."""
    return {part: _part(torch.export.load(folder / f"{part}.pt2").module()) for part in PARTS}


def _part(graph: Callable[..., Any]) -> Part:
    @torch.inference_mode()
    def run(pixels: Pixels) -> NDArray[np.float32]:
        result: NDArray[np.float32] = graph(torch.from_numpy(pixels)).numpy()
        return result

    return run


FORMAT = Format(
    write,
    load,
    CODE,
    INPUTS_TEXT,
    OUTPUTS_TEXT,
    """\
import torch
from preprocess import load_pixels

encoder = torch.export.load("encoder.pt2").module()
images = torch.from_numpy(load_pixels("photo.jpg", {height}, {width}, {channels}))  # uint8
with torch.inference_mode():
    latents = encoder(images)  # (1, {latent_height}, {latent_width}, {latent_channels}), float32
""",
)
