"""The figure of originals, reconstructions and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

_NAME_LENGTH = 24


def save_reconstructions(
    path: Path, names: Sequence[str], images: Tensor, outputs: Tensor, metrics: Mapping[str, Sequence[float]]
) -> None:
    """Draw images and outputs (N, C, H, W), float in [0, 1]: one column an image, its error in the third row."""
    count, channels, height, width = images.shape
    figure = Figure(figsize=(max(4.0, 2.0 * count * width / height), 6.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, count, squeeze=False)
    errors = (images - outputs).abs().mean(1)
    scale = float(errors.max()) or 1.0
    shown = None
    for i in range(count):
        for row, picture in enumerate((images[i], outputs[i])):
            pixels = picture.permute(1, 2, 0).numpy()
            axes[row, i].imshow(pixels if channels == 3 else pixels[..., 0], cmap="gray", vmin=0, vmax=1)
        shown = axes[2, i].imshow(errors[i].numpy(), cmap="magma", vmin=0, vmax=scale)
        # A `$` would start a formula, and the name is the user's.
        name = names[i].rpartition("/")[2].replace("$", r"\$")
        axes[0, i].set_title(
            name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…", fontsize=7
        )
        axes[1, i].set_title(f"{metrics['psnr'][i]:.1f} dB, SSIM {metrics['ssim'][i]:.2f}", fontsize=7)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for row, label in enumerate(("original", "reconstruction", "absolute error")):
        axes[row, 0].set_ylabel(label)
    if shown is not None:
        figure.colorbar(shown, ax=axes[2, :].tolist(), shrink=0.8)
    figure.savefig(path)
