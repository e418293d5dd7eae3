"""The format `onnx`: graphs for ONNX Runtime and whatever else reads ONNX."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fext_engine.errors import FextError
from fext_engine.export.graphs import INPUT, INPUTS_TEXT, OUTPUTS, OUTPUTS_TEXT, trace
from fext_engine.export.sources import READING, standalone_source
from fext_engine.export.subject import PARTS, Format, Part, Subject
from fext_engine.images.decode import Pixels

CODE = "preprocess.py"
OPSET = 18
"""The set of operators: the first with all that the model needs. ONNX Runtime has it since 1.14."""


def write(folder: Path, subject: Subject, about: dict[str, str]) -> Iterator[str]:
    """Write encoder.onnx and autoencoder.onnx, with weights and `about` inside, and the code that reads images."""
    for part in PARTS:
        model = _convert(part, subject)
        model.metadata_props.update(about)
        _write_model(model, folder / f"{part}.onnx")
        yield f"{part}.onnx"
    source = standalone_source("Reads image files for the graphs beside it. Made by FeXT.", READING)
    (folder / CODE).write_text(source, encoding="utf-8")
    yield CODE


def load(folder: Path) -> dict[str, Part]:
    """The graphs as they lie on disk, in ONNX Runtime on the CPU."""
    return {part: _part(folder / f"{part}.onnx") for part in PARTS}


def _convert(part: str, subject: Subject) -> Any:
    """The graph as a model of onnx_ir, without what torch notes on this machine's paths and code."""
    program = trace(part, subject)
    with _quiet():
        try:
            converted = torch.onnx.export(
                program, input_names=[INPUT], output_names=[OUTPUTS[part]], opset_version=OPSET,
                dynamic_shapes=({0: "batch"},), verbose=False,
            )  # fmt: skip
        except torch.onnx.OnnxExporterError as error:
            raise FextError(
                f"torch {torch.__version__} could not make an ONNX graph of the {part}",
                "bring the converter up to date: pip install --upgrade onnx onnxscript",
            ) from error
    assert converted is not None
    model: Any = converted.model
    for noted in (model.graph, *model.graph.inputs, *model.graph.outputs, *model.graph.all_nodes()):
        noted.metadata_props.clear()
    return model


def _write_model(model: Any, file: Path) -> None:
    import onnx
    import onnx_ir

    document = onnx_ir.serde.serialize_model(model)
    onnx.checker.check_model(document, full_check=True)
    file.write_bytes(document.SerializeToString())


def _part(file: Path) -> Part:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def run(pixels: Pixels) -> NDArray[np.float32]:
        result: NDArray[np.float32] = session.run(None, {INPUT: pixels})[0]
        return result

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's remarks on packages that are not there and on its own future."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


FORMAT = Format(
    write,
    load,
    CODE,
    INPUTS_TEXT,
    OUTPUTS_TEXT,
    """\
import onnxruntime
from preprocess import load_pixels

encoder = onnxruntime.InferenceSession("encoder.onnx")
images = load_pixels("photo.jpg", {height}, {width}, {channels})  # uint8
latents = encoder.run(None, {{"images": images}})[0]  # (1, {latent_height}, {latent_width}, {latent_channels}), float32
""",
)
