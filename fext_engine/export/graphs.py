"""The parts of a model as graphs that take bytes: scaling inside, a fixed image size, a batch of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from fext_engine.export.subject import Subject
from fext_engine.model.autoencoder import Autoencoder
from fext_engine.training.batches import to_float

INPUT = "images"
OUTPUTS = {"encoder": "latents", "autoencoder": "reconstructions"}
INPUTS_TEXT = (
    "images: uint8 (N, {height}, {width}, {channels}), 0 to 255, N of any size; the graph scales them"
)
OUTPUTS_TEXT = (
    "encoder: latents, float32 (N, {latent_height}, {latent_width}, {latent_channels}); "
    "autoencoder: reconstructions, float32 (N, {height}, {width}, {channels}), clamped to [0, 1]"
)
_EXAMPLE_BATCH = 2  # of one image, a graph would be for one image only


class _Encoder(nn.Module):
    """Images (N, H, W, C), uint8, to latents (N, H', W', C'), as rows of an encoding without pooling."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.encoder = model.encoder  # not the decoder, whose weights would be written too

    def forward(self, images: Tensor) -> Tensor:
        latents: Tensor = self.encoder(to_float(images))
        return latents.permute(0, 2, 3, 1)


class _Autoencoder(nn.Module):
    """Images (N, H, W, C), uint8, to reconstructions (N, H, W, C), float in [0, 1]."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        reconstructions: Tensor = self.model(to_float(images))
        return reconstructions.permute(0, 2, 3, 1)


_GRAPHS: dict[str, type[_Encoder | _Autoencoder]] = {"encoder": _Encoder, "autoencoder": _Autoencoder}


def trace(part: str, subject: Subject) -> ExportedProgram:
    """The graph of one of PARTS; it refuses images of another size or type."""
    model = subject.loaded.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    example = torch.zeros(_EXAMPLE_BATCH, *subject.size.shape, dtype=torch.uint8)
    program = torch.export.export(
        _GRAPHS[part](model).eval(), (example,), dynamic_shapes=({0: Dim("batch")},)
    )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names paths of this machine
    return program
