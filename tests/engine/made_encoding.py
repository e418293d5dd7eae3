"""Encodings of vectors made up for a test, without a run that would have made them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from fext_engine.latents.encoding import LATENTS, ROW_HEADER, ROWS, Encoding, FileRow, open_encoding
from fext_engine.latents.manifest import MANIFEST, Checkpoint, Counts, Manifest, Preprocessing


def make_encoding(folder: Path, vectors: np.ndarray, paths: list[str] | None = None) -> Encoding:
    """An encoding with these rows; the images it names do not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / LATENTS, vectors)
    names = paths or [f"{row:06d}.png" for row in range(len(vectors))]
    with (folder / ROWS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(ROW_HEADER)
        for row, path in enumerate(names):
            writer.writerow(FileRow(row, path, 8, 8, f"{row:064x}", "ok", "").cells)
    manifest = Manifest(
        run="made", model="none", checkpoint=Checkpoint(epoch=1, digest="sha256:0"), images=str(folder / "images"),
        latent_shape=(1, 1, vectors.shape[1]), row_shape=vectors.shape[1:], layout="C", dtype=vectors.dtype.name,
        pooling="mean", preprocessing=Preprocessing(height=8, width=8, channels=3),
        counts=Counts(files=len(vectors), encoded=len(vectors)), versions={},
    )  # fmt: skip
    (folder / MANIFEST).write_text(manifest.text())
    return open_encoding(folder)
