"""Which images are taken as normal, and which of them the model has never seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError
from fext_engine.latents.anomaly.labels import masks_among, read_labels
from fext_engine.latents.encoding import Encoding
from fext_engine.paths import escape_name
from fext_engine.training.run_folder import RunFolder, read_split

FEWEST = 20
"""Normal images that the distances need, whatever the rate."""


@dataclass(frozen=True)
class Normals:
    """The images that the others are compared with."""

    encoding: Encoding
    """Where their rows are: the reference, or the encoding that is scored."""
    rows: NDArray[np.int64]
    source: str
    """In words."""
    unseen: NDArray[np.bool_]
    """(len(rows),): those that the model was not trained on."""


def needed(rate: float) -> int:
    """Normal images for a threshold at this false-positive rate: beyond n of them lies a share of 1 / (n + 1)."""
    return max(FEWEST, math.ceil(1 / rate - 1e-9) - 1)


def choose_normals(encoding: Encoding, reference: Encoding | None, run: RunFolder, fewest: int) -> Normals:
    """The rows of the reference; else the encoding's of the run's dataset, where they are `fewest`; else all.

    What a folder calls a defect is never among them. Copies of a file count once. Raises FextError when fewer
    than `fewest` are left.
    """
    holder = reference or encoding
    digests = [file.digest for file in holder.rows]
    trained, validated = _split_digests(run)
    rows, source = _sound_rows(holder), "the encoding itself"
    if reference:
        source = f"the encoding {escape_name(reference.name)}"
    else:
        known = [row for row in rows if digests[row] in trained or digests[row] in validated]
        if _different(digests, known) >= fewest:
            rows, source = known, f"the images of the run {run.name}"
    if (count := _different(digests, rows)) < fewest:
        raise FextError(
            f"{escape_name(holder.name)} has {count} different normal images, and {fewest} are needed",
            "encode more and name them with --reference"
            + (", or allow a higher --false-positive-rate" if fewest > FEWEST else ""),
        )
    unseen = np.array([digests[row] not in trained for row in rows], bool)
    return Normals(holder, np.array(rows), source, unseen)


def _sound_rows(encoding: Encoding) -> list[int]:
    """The rows that no folder calls a defect, and that are no masks."""
    paths = [file.path for file in encoding.rows]
    labels = read_labels(paths)
    bad = masks_among(paths, labels) | {row for row, label in enumerate(labels) if label and not label.is_good}
    return [row for row in range(len(paths)) if row not in bad]


def _different(digests: Sequence[str], rows: Sequence[int]) -> int:
    return len({digests[row] for row in rows})


def _split_digests(run: RunFolder) -> tuple[set[str], set[str]]:
    """Digests of the run's training images and of its validation images."""
    rows = read_split(run)
    sides = [{row.digest for row in rows if row.split == side} for side in ("train", "validation")]
    return sides[0], sides[1]
