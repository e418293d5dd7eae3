"""Which images are taken as normal, and which of them the model has never seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError
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


def choose_normals(
    encoding: Encoding, reference: Encoding | None, sound: Sequence[int], run: RunFolder, fewest: int
) -> Normals:
    """The rows of the reference; else of `sound` rows those of the run's dataset; else all `sound` rows.

    `sound` are the rows of the encoding that its folders do not call a defect. The run's dataset counts where
    `fewest` are of it, copies of a file once. Raises FextError when fewer than `fewest` are left.
    """
    holder = reference or encoding
    digests = [file.digest for file in holder.rows]
    trained, validated = _split_digests(run)
    if reference:
        rows, source = list(range(len(digests))), f"the encoding {escape_name(reference.name)}"
    else:
        rows, source = list(sound), "the encoding itself"
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


def _different(digests: Sequence[str], rows: Sequence[int]) -> int:
    return len({digests[row] for row in rows})


def _split_digests(run: RunFolder) -> tuple[set[str], set[str]]:
    """Digests of the run's training images and of its validation images."""
    rows = read_split(run)
    sides = [{row.digest for row in rows if row.split == side} for side in ("train", "validation")]
    return sides[0], sides[1]
