"""What becomes of a latent map (N, C, H', W'): kept, flattened, or pooled over its positions."""

from __future__ import annotations

from torch import Tensor

LAYOUTS = {
    "none": "HWC: rows of shape (H', W', C)",
    "flatten": "HWC, flattened in row-major order: index = (h * W' + w) * C + c",
    "mean": "C: the mean over all positions",
    "max": "C: the maximum over all positions",
    "pca": "principal components of the flattened map (as flatten): (map - mean) @ components.T, see pca.npz",
}


def pool(latents: Tensor, pooling: str) -> Tensor:
    """(N, C, H', W') to (N, H', W', C) for `none`, (N, H' * W' * C) for `flatten`, (N, C) for `mean` and `max`.

    `pca` takes the flattened map; its projection comes after.
    """
    if pooling == "mean":
        return latents.mean((2, 3))
    if pooling == "max":
        return latents.amax((2, 3))
    rows = latents.permute(0, 2, 3, 1)
    return rows if pooling == "none" else rows.flatten(1)


def row_shape(latent_shape: tuple[int, int, int], pooling: str, components: int = 0) -> tuple[int, ...]:
    """The shape of one row, for a latent map (H', W', C); with `components` that of `pca`'s projection."""
    height, width, channels = latent_shape
    if pooling == "pca" and components:
        return (components,)
    if pooling in ("mean", "max"):
        return (channels,)
    return latent_shape if pooling == "none" else (height * width * channels,)
