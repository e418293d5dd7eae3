"""config.json of an export: the model, what it takes and gives, how it was checked, and its files."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from fext_engine.export.formats import FormatName
from fext_engine.latents.manifest import Checkpoint, Part, Preprocessing, software_versions

CONFIG = "config.json"
FORMAT = 1


class ExportedFile(Part):
    """A file beside config.json; the digest is `sha256:` and the hexadecimal one."""

    bytes: int
    digest: str

    @classmethod
    def of(cls, file: Path) -> ExportedFile:
        """That of a file on disk."""
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return cls(bytes=file.stat().st_size, digest=f"sha256:{digest}")


class Parity(Part):
    """How far the export is from the run's own model (PyTorch, float32, CPU): the largest difference of any value."""

    images: str
    """What it was measured on."""
    encoder: float
    autoencoder: float
    largest_latent: float
    """The largest value of the latents, to see the difference by; reconstructions are in [0, 1]."""


class ExportConfig(Part):
    """The document, as the file holds it."""

    format: int = FORMAT
    export: FormatName
    """The format of the export."""
    run: str
    model: str
    checkpoint: Checkpoint
    latent_shape: tuple[int, int, int]
    """(H', W', C) of the latent map."""
    inputs: str
    outputs: str
    preprocessing: Preprocessing
    parity: Parity | None = None
    files: dict[str, ExportedFile] = Field(default_factory=dict)
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: dict[str, str] = Field(default_factory=software_versions)

    def text(self) -> str:
        """The file's content."""
        return self.model_dump_json(indent=1) + "\n"


def is_whole(folder: Path, export: str, digest: str) -> bool:
    """Whether a folder holds an export in that format of the weights with that digest, every file as it was written."""
    try:
        config = ExportConfig.model_validate_json((folder / CONFIG).read_bytes())
        files = {name: ExportedFile.of(folder / name) for name in config.files}
    except (OSError, ValidationError):
        return False
    same = config.export == export and config.checkpoint.digest == digest and config.format == FORMAT
    return same and bool(files) and files == config.files
