"""Encodings made of plain numbers, without a model: for tests of what the screens show of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from fext_engine.images.decode import content_digest
from fext_engine.images.scan import scan
from fext_engine.latents.encoding import LATENTS, ROW_HEADER, ROWS, FileRow
from fext_engine.latents.manifest import MANIFEST, Checkpoint, Counts, Manifest, Preprocessing
from fext_engine.paths import escape_name, unescape_name
from fext_engine.workspace import Workspace

DIGEST = "sha256:" + "0" * 64


def make_encoding(
    workspace: Workspace, images: Path, vectors: np.ndarray, name: str = "run-20260102T030405", *,
    paths: list[str] | None = None, run: str = "run", made: str = "2026-01-02T03:04:05+00:00",
) -> Path:  # fmt: skip
    """Leave an encoding of the images below a folder, row i with the i-th of `vectors` (N, D).

    Without `paths` they are those of a scan, which must be as many; files that are not there have no digest.
    """
    folder = workspace.inference / name
    folder.mkdir(parents=True)
    paths = paths or [file.path for file in scan(images)]
    assert len(paths) == len(vectors), (len(paths), len(vectors))
    np.save(folder / LATENTS, vectors.astype(np.float32))
    with (folder / ROWS).open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(ROW_HEADER)
        for row, path in enumerate(paths):
            true = images / unescape_name(path)
            digest = content_digest(true.read_bytes()) if true.is_file() else ""
            lines.writerow(FileRow(row, path, 0, 0, digest, "ok", "").cells)
    manifest = Manifest(
        run=run, model="FextAE Redux", checkpoint=Checkpoint(epoch=1, digest=DIGEST), images=escape_name(str(images)),
        latent_shape=(1, 1, vectors.shape[1]), row_shape=(vectors.shape[1],), layout="row", dtype="float32",
        pooling="mean", preprocessing=Preprocessing(height=16, width=16, channels=3),
        counts=Counts(files=len(paths), encoded=len(paths)), created=made, versions={},
    )  # fmt: skip
    (folder / MANIFEST).write_text(manifest.text(), encoding="utf-8")
    return folder


def around(count: int, dimensions: int = 8) -> np.ndarray:
    """Vectors on a quarter of a circle, each nearest to the ones before and after it: (count, dimensions)."""
    angles = np.linspace(0, np.pi / 2, count)
    vectors = np.zeros((count, dimensions))
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    return vectors


def make_anomalies(encoding: Path, *, heat_maps: bool = True) -> None:
    """Leave the anomalies of an encoding: the last row is the most anomalous, the last two are flagged."""
    from fext_engine.latents.anomaly.results import (
        FOLDER,
        MAPS,
        SCORES,
        SUMMARY,
        TABLE,
        Line,
        Reference,
        Summary,
        digest_rows,
        write_table,
    )
    from fext_engine.latents.encoding import open_encoding

    opened = open_encoding(encoding)
    folder, count = encoding / FOLDER, len(opened.rows)
    folder.mkdir()
    lines = []
    for rank, row in enumerate(reversed(range(count)), 1):
        scores = tuple((row * step) % count / 10 for step in (1, 5, 7, 11, 13))
        line = Line(rank, row, opened.rows[row].path, "", "ok", "", rank <= 2, "knn", float(row), rank / count, scores,
                    tuple(rank / count for _ in SCORES))  # fmt: skip
        lines.append(line)
    write_table(folder / TABLE, lines)
    if heat_maps:
        maps = np.zeros((count, 8, 8), np.float16)
        maps[:, 2:4, 2:4] = 3
        np.save(folder / MAPS, maps)
    summary = Summary(
        encoding=encoding.name, run="run", checkpoint=opened.manifest.checkpoint,
        reference=Reference(source="the encoding itself", encoding=encoding.name, images=count, fitted=count,
                            calibrated=count, unseen=False),
        false_positive_rate=0.05, thresholds=dict.fromkeys((*SCORES, "score"), count - 2.0), scored=count, flagged=2,
        without_score={}, versions={}, rows_digest=digest_rows(encoding),
        heat_maps=(count, 8, 8) if heat_maps else None, created="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    (folder / SUMMARY).write_text(summary.model_dump_json(), encoding="utf-8")
