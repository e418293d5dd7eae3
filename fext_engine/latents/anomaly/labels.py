"""Folders that say what is normal: those of MVTec AD, or `good` beside one folder a defect."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fext_engine.images.decode import decode_resized
from fext_engine.images.faults import DecodeError
from fext_engine.images.scan import image_path

GOOD = "good"
_MASKS = "ground_truth"
_MASK = re.compile(rf"{_MASKS}/.+_mask\.png")
_SPLITS = ("train", "validation", "test")


class Label(NamedTuple):
    """What an image's folder calls it."""

    kind: str
    """`good`, or the kind of defect."""
    name: str
    """The image's path below that folder."""
    tested: bool
    """Whether scores are judged on it: not on the normal images below `train`."""

    @property
    def is_good(self) -> bool:
        return self.kind == GOOD


def read_labels(paths: Sequence[str]) -> list[Label | None]:
    """The label of each stored path, None where its folder says nothing; masks have none.

    With a folder `train/good` or `test/good` the layout is that of MVTec AD (Bergmann et al. 2019):
    `train/good`, `test/good`, `test/<defect>`, `ground_truth/<defect>`. Else, with a folder `good`, every
    folder beside it is a defect. Else nothing is labelled.
    """
    parts = [path.split("/") for path in paths]
    if any(len(p) > 2 and p[0] in ("train", "test") and p[1] == GOOD for p in parts):
        inner = [p[1:] if p[0] in _SPLITS else [] for p in parts]
    elif any(len(p) > 1 and p[0] == GOOD for p in parts):
        inner = [p if p[0] != _MASKS else [] for p in parts]
    else:
        return [None] * len(paths)
    return [
        Label(i[0], "/".join(i[1:]), p[0] != "train") if len(i) > 1 else None
        for i, p in zip(inner, parts, strict=True)
    ]


def masks_among(paths: Sequence[str], labels: Sequence[Label | None]) -> frozenset[int]:
    """Which of the stored paths are masks of a labelled folder, and no images to be scored."""
    if not any(labels):
        return frozenset()
    return frozenset(i for i, path in enumerate(paths) if _MASK.fullmatch(path))


def find_mask(root: Path, label: Label) -> Path | None:
    """The file that marks an image's defect, `ground_truth/<defect>/<name>_mask.png`; None where there is none.

    It lies below the encoded folder `root` or, where that is the `test` folder, beside it.
    """
    stored = f"{_MASKS}/{label.kind}/{label.name.rpartition('.')[0]}_mask.png"
    files = (image_path(place, stored) for place in (root, root.parent))
    return next((file for file in files if file.is_file()), None)


def read_mask(file: Path, height: int, width: int) -> NDArray[np.bool_] | None:
    """A mask at the size of the heat maps, True where the defect is; None when the file is broken."""
    try:
        return decode_resized(file, height, width, grayscale=True)[..., 0] > 127
    except DecodeError:
        return None
