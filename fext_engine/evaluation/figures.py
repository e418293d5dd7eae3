"""The figure of originals, reconstructions and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from fext_engine.training.batches import Batch

_NAME_LENGTH = 24


def save_reconstructions(
    path: Path, names: Sequence[str], batch: Batch, outputs: Tensor, metrics: Mapping[str, Sequence[float]]
) -> None:
    """Draw images, what the model saw where that had noise, outputs and their errors: one column an image.

    `outputs` are float (N, C, H, W) in [0, 1].
    """
    rows = {"original": batch.targets.cpu(), "with noise": batch.inputs.cpu(), "reconstruction": outputs}
    if batch.inputs is batch.targets:
        del rows["with noise"]
    count, channels, height, width = outputs.shape
    size = (max(4.0, 2.0 * count * width / height), 0.5 + 2.1 * (len(rows) + 1))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows) + 1, count, squeeze=False)
    errors = (rows["original"] - outputs).abs().mean(1)
    scale = float(errors.max()) or 1.0
    shown = None
    for i in range(count):
        for row, picture in enumerate(rows.values()):
            pixels = picture[i].permute(1, 2, 0).numpy()
            axes[row, i].imshow(pixels if channels == 3 else pixels[..., 0], cmap="gray", vmin=0, vmax=1)
        shown = axes[-1, i].imshow(errors[i].numpy(), cmap="magma", vmin=0, vmax=scale)
        # A `$` would start a formula, and the name is the user's.
        name = names[i].rpartition("/")[2].replace("$", r"\$")
        axes[0, i].set_title(
            name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…", fontsize=7
        )
        axes[-2, i].set_title(f"{metrics['psnr'][i]:.1f} dB, SSIM {metrics['ssim'][i]:.2f}", fontsize=7)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for row, label in enumerate((*rows, "absolute error")):
        axes[row, 0].set_ylabel(label)
    if shown is not None:
        figure.colorbar(shown, ax=axes[-1, :].tolist(), shrink=0.8)
    figure.savefig(path)
