"""The map of an encoding for the screen: its points, what their colours tell, and which rows they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fext_engine.errors import FextError
from fext_tui.encodings import EncodedPictures, KnownEncoding
from fext_tui.widgets.columns import Column
from fext_tui.widgets.text import format_figure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fext_engine.latents.encoding import Encoding
    from fext_engine.latents.map import Map
    from fext_engine.workspace import Workspace

COLOURED = 10
"""Groups with a look of their own; the rest share one."""

LARGEST = 512 * 2**20  # bytes of vectors whose components are found while one waits; of larger ones by a job

Method = Literal["pca", "umap"]


@dataclass(frozen=True)
class Colouring:
    """What the colours of a map tell."""

    name: str
    groups: Sequence[tuple[str, int]]
    """The label and the number of points of each group with its own look, then of the rest together."""
    codes: npt.NDArray[np.uint8]
    """(n,): the group of each point; COLOURED is the rest."""
    labels: Sequence[str]
    """Of each point."""

    def label(self, index: int) -> str:
        """What a point is."""
        return self.labels[index]


@dataclass(frozen=True, kw_only=True, eq=False)
class MapPictures(EncodedPictures):
    """The images of an encoding that have a place on its map."""

    points: npt.NDArray[np.float64]
    """(n, 2)"""
    method: Method
    variance: tuple[float, float] | None
    colourings: Mapping[str, Colouring]
    no_split: str = ""
    """Why the points cannot be coloured by the run's split."""
    columns: Sequence[Column] = (Column("image", keep_end=True),)
    noun: str = "points"

    @property
    def method_words(self) -> str:
        """How the map was made, and how much of the variance it shows."""
        if self.variance is None:
            return self.method.upper()
        return f"{self.method.upper()} {self.variance[0]:.0%} + {self.variance[1]:.0%} of the variance"

    def facts(self, index: int) -> Sequence[tuple[str, str]]:
        """Where a point lies and what it is."""
        x, y = self.points[index].tolist()
        groups = [(name, colouring.label(index) or "(none)") for name, colouring in self.colourings.items()]
        place = f"{format_figure(x)}, {format_figure(y)}"
        return ("", "Map"), ("place", place), *groups, ("method", self.method_words), *super().facts(index)


class NeedsJob(Exception):
    """The map is not there yet, and takes a job."""


def open_map(known: KnownEncoding, workspace: Workspace, method: Method | None = None) -> MapPictures:
    """The map of an encoding, stored or of its principal components; in a worker thread.

    Raises NeedsJob where that takes long, FextError for an encoding that cannot be read or has too few rows.
    """
    import numpy as np

    from fext_engine.latents.encoding import open_encoding
    from fext_engine.latents.probe import class_of
    from fext_engine.latents.splits import splits_of

    encoding = open_encoding(known.folder)
    made = _map(encoding, method)
    finite = np.flatnonzero(np.isfinite(made.points).all(1))
    if not len(finite):
        raise FextError(f"no row of {known.name} is finite", "the run has diverged: train anew")
    names = tuple(encoding.rows[row].path for row in finite.tolist())
    colourings = {"class": colour("class", [class_of(name) for name in names])}
    no_split = ""
    try:
        splits = splits_of(encoding, workspace)
        colourings["split"] = colour("split", [splits[row] for row in finite.tolist()])
    except FextError as error:
        no_split = str(error)
    return MapPictures(
        encoding.images, names, encoding=known, title=f"{made.method.upper()} · {known.name}",
        points=made.points[finite].astype(np.float64), method=made.method, variance=made.variance,
        colourings=colourings, no_split=no_split,
    )  # fmt: skip


def _map(encoding: Encoding, method: Method | None) -> Map:
    from fext_engine.latents.map import compute_map, load_map, load_or_compute_map

    stored = load_map(encoding, method)
    if stored is not None:
        return stored
    if method == "umap" or encoding.latents.nbytes > LARGEST:
        raise NeedsJob
    if method is None:
        return load_or_compute_map(encoding)
    return compute_map(encoding, method)  # it does not take the place of a UMAP, which took a job


def colour(name: str, labels: Sequence[str]) -> Colouring:
    """Give each of the most frequent labels a group of its own."""
    import numpy as np

    counts = Counter(labels).most_common()
    groups = [(label or "(none)", count) for label, count in counts[:COLOURED]]
    codes = {label: code for code, (label, _) in enumerate(counts[:COLOURED])}
    if rest := counts[COLOURED:]:
        groups.append((f"{len(rest)} more", sum(count for _, count in rest)))
    of_each = np.fromiter((codes.get(label, COLOURED) for label in labels), np.uint8, len(labels))
    return Colouring(name, groups, of_each, labels)
