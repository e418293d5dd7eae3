"""PCA of latent maps: fitted once on a sample of the folder, kept beside the vectors, applied to every row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fext_engine.arrays import read_npz
from fext_engine.errors import FextError
from fext_engine.latents.components import principal_components
from fext_engine.latents.manifest import Manifest, ProjectionInfo
from fext_engine.paths import escape_name
from fext_engine.workspace import atomic_file

PCA = "pca.npz"
SAMPLE_IMAGES = 2048
SAMPLE_BYTES = 512 << 20  # of the sample's flattened maps, float32
SEED = 42  # which images the sample is

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Projection:
    """Principal components of flattened latent maps of D values, the one of most variance first."""

    mean: Floats
    """(D,)"""
    components: Floats
    """(k, D): orthonormal rows; a direction in which nothing varies is zero."""
    explained_variance_ratio: Floats
    """(k,): the share of the sample's variance along each component."""
    images: int
    """The size of the sample."""

    def info(self, digest: str) -> ProjectionInfo:
        """What the manifest says of it; `digest` is that of the file."""
        return ProjectionInfo(
            components=len(self.components), images=self.images, seed=SEED, digest=digest,
            explained_variance=round(float(self.explained_variance_ratio.sum()), 6),
        )  # fmt: skip

    def apply(self, rows: Floats) -> Floats:
        """(N, D) to (N, k): the centred rows along each component."""
        projected: Floats = np.subtract(rows, self.mean, dtype=np.float32) @ self.components.T
        return projected

    def save(self, folder: Path) -> None:
        """Write `pca.npz` whole or not at all."""
        with atomic_file(folder / PCA) as file:
            np.savez(
                file, mean=self.mean, components=self.components,
                explained_variance_ratio=self.explained_variance_ratio, images=np.int64(self.images),
            )  # fmt: skip


def sample_size(values: int) -> int:
    """How many images a PCA of maps of so many values is fitted on at most; bounded by memory."""
    return max(2, min(SAMPLE_IMAGES, SAMPLE_BYTES // (4 * values)))


def fit(sample: Floats, components: int) -> Projection:
    """The exact PCA of (M, D) float32; the same result for the same sample.

    Each component's largest value by magnitude is positive. Raises FextError unless M and D allow so many.
    """
    count, values = sample.shape
    most = min(count - 1, values)
    if components > most:
        raise FextError(
            f"{components} principal components were asked for, and {count} images of {values} latent values "
            f"have {max(most, 0)} at most",
            f"set inference.pca_components to {most} or less" if most > 0 else "choose another pooling",
        )
    found = principal_components(sample, components)
    directions = found.axes * (found.shares > count * np.finfo(np.float64).eps)
    mean, shares = found.mean.astype(np.float32), found.shares.astype(np.float32)
    return Projection(mean, np.ascontiguousarray(directions.T, np.float32), shares, count)


def read_projection(folder: Path, manifest: Manifest) -> Projection | None:
    """The projection that an encoding's rows were made with, or None where there was none.

    Raises FextError when the file is missing, damaged, or not the one that the manifest names.
    """
    if manifest.projection is None:
        return None
    name = escape_name(str(folder / PCA))
    try:
        projection = load(folder)
        if projection_digest(folder) != manifest.projection.digest:
            raise ValueError("it is not the file that the manifest names")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FextError(f"cannot read {name}: {reason}", "encode the folder again") from error
    return projection


def load(folder: Path) -> Projection:
    """Read `pca.npz`; raises OSError or ValueError when it is missing or not one."""
    try:
        stored = read_npz(folder / PCA)
        arrays = (stored["mean"], stored["components"], stored["explained_variance_ratio"])
        projection = Projection(*arrays, int(stored["images"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"it is no PCA of FeXT's: {error}") from error
    k, values = projection.components.shape if projection.components.ndim == 2 else (0, 0)
    if [a.shape for a in arrays] != [(values,), (k, values), (k,)] or any(
        a.dtype != np.float32 for a in arrays
    ):
        raise ValueError("its arrays do not belong together")
    return projection


def projection_digest(folder: Path) -> str:
    """`sha256:` and the hexadecimal digest of `pca.npz`, as the manifest has it."""
    with (folder / PCA).open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
