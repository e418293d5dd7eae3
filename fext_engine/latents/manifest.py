"""The manifest of an encoding: all that a reader needs besides the vectors and the rows."""

from __future__ import annotations

import platform
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fext_engine import __version__
from fext_engine.documents import require_file
from fext_engine.errors import FextError
from fext_engine.images.pixels import BACKGROUND
from fext_engine.paths import escape_name
from fext_engine.sections import DatasetSettings

MANIFEST = "manifest.json"
FORMAT = 1
LARGEST = 16 * 2**20  # bytes; a manifest has about 1,500


def software_versions() -> dict[str, str]:
    """What the vectors were made with."""
    import PIL
    import torch

    return {
        "fext": __version__, "python": platform.python_version(), "torch": str(torch.__version__),
        "numpy": np.__version__, "pillow": PIL.__version__,
    }  # fmt: skip


def now() -> str:
    """The time in UTC, as a manifest says it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Part(BaseModel):
    """What other versions add is kept, and nothing that is read can be changed."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Checkpoint(Part):
    """The weights that the encoder had; the digest is `sha256:` and the hexadecimal one of their file."""

    epoch: int
    digest: str


class Preprocessing(Part):
    """What was done to an image's file before the encoder saw it."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    channels: int = Field(ge=1, le=3)
    orientation: str = "EXIF applied"
    transparency: str = f"composited on RGB {BACKGROUND}"
    resize: str = "stretched, Pillow BILINEAR with antialiasing; large JPEGs reduced while decoding"
    scaling: str = "pixel / 255"

    @classmethod
    def of(cls, dataset: DatasetSettings) -> Preprocessing:
        """That of a run with these settings."""
        channels = 1 if dataset.grayscale else 3
        return cls(height=dataset.image_height, width=dataset.image_width, channels=channels)


class ProjectionInfo(Part):
    """The PCA behind pooling `pca`; its arrays are in `pca.npz` (mean, components, explained_variance_ratio)."""

    components: int = Field(ge=1)
    explained_variance: float
    """The share of the sample's variance that all components keep."""
    images: int
    """The size of the sample that it was fitted on."""
    seed: int
    digest: str
    """`sha256:` and the hexadecimal one of `pca.npz`."""


class Counts(Part):
    """Files, those of them with a row, and the broken ones by their status."""

    files: int = Field(ge=0)
    encoded: int = Field(ge=0)
    broken: dict[str, int] = {}

    @classmethod
    def of(cls, statuses: Counter[str]) -> Counts:
        """Count files by status, `ok` or a kind of fault."""
        broken = {kind: count for kind, count in sorted(statuses.items()) if kind != "ok"}
        return cls(files=statuses.total(), encoded=statuses["ok"], broken=broken)


class Manifest(Part):
    """The document, as the file holds it."""

    format: int = FORMAT
    run: str
    model: str
    checkpoint: Checkpoint
    images: str
    """The encoded folder, escaped."""
    latent_shape: tuple[int, int, int]
    """(H', W', C) of the encoder's output."""
    row_shape: tuple[int, ...]
    """Of a row of the vectors, after pooling."""
    layout: str
    dtype: str
    pooling: str
    preprocessing: Preprocessing
    projection: ProjectionInfo | None = None
    counts: Counts
    created: str = Field(default_factory=now)
    updated: str | None = None
    """When the encoding was last brought up to date, in UTC as `created`."""
    versions: dict[str, str] = Field(default_factory=software_versions)

    def text(self) -> str:
        """The file's content."""
        return self.model_dump_json(indent=1) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an encoding; raises FextError that names the file and what is wrong with it."""
    file = folder / MANIFEST
    name = escape_name(str(file))
    try:
        require_file(file)
        if file.stat().st_size > LARGEST:
            raise FextError(f"{name} is too large for a manifest", "is this an encoding of FeXT?")
        document = Manifest.model_validate_json(file.read_bytes())
    except OSError as error:
        raise FextError(
            f"cannot read {name}: {error.strerror or error}", "is this an encoding of FeXT?"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FextError(
            f"{name} is not a manifest that FeXT can read: {where}{': ' if where else ''}{first['msg']}",
            "encode the folder again",
        ) from error
    if document.format > FORMAT:
        raise FextError(
            f"{name} has format {document.format}, newer than this version of FeXT, which reads up to {FORMAT}",
            "update FeXT, or encode the folder again",
        )
    return document
