"""Nearest neighbours and near-duplicates as lists for the Viewer; found in a worker thread, without torch."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fext_engine.paths import escape_name
from fext_tui.encodings import EncodedPictures, KnownEncoding
from fext_tui.figure import Figure, read_picture
from fext_tui.widgets.columns import Column

if TYPE_CHECKING:
    from fext_engine.latents.encoding import Encoding

TOP = 100
"""Neighbours that are listed."""

METRIC: Literal["cosine"] = "cosine"


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, kw_only=True)
class SimilarPictures(EncodedPictures):
    """The images nearest to one, which is row 0; its path may lie outside of the encoded folder."""

    query: Path
    distances: Sequence[float]
    """Of each row; 0 of the first."""
    columns: Sequence[Column] = (
        Column("#", 3, "right"), Column("distance", 8, "right"), Column("image", keep_end=True),
    )  # fmt: skip
    noun: str = "pictures by distance"

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        return [
            (str(index) if index else "", f"{self.distances[index]:.4f}" if index else "query", self.names[index])
            for index in range(offset, min(offset + limit, self.count()))
        ]

    def path(self, index: int) -> Path:
        return self.query if index == 0 else super().path(index)

    def caption(self, index: int) -> str:
        """The distance."""
        return f"{self.distances[index]:.4f}" if index else "query"

    def figure(self, index: int, longest: int | None) -> Figure:
        """The query and a neighbour, side by side."""
        other = read_picture(self.path(index), longest)
        if index == 0:
            return other
        query = read_picture(self.query, longest)
        caption = f"{index}. distance {self.distances[index]:.4f}  {other.caption}"
        if not (query.panels and other.panels):
            return replace(other, caption=caption)
        titles = f"query {query.caption}", other.caption
        return Figure((*query.panels, *other.panels), caption, other.info, other.path, titles)

    def facts(self, index: int) -> Sequence[tuple[str, str]]:
        """How far a row is from the query."""
        found = [("rank", str(index)), ("distance", f"{self.distances[index]:.6f}")] if index else []
        query = ("query", escape_name(str(self.query)))
        return ("", "Similarity"), *found, ("metric", METRIC), query, *super().facts(index)


@dataclass(frozen=True, kw_only=True)
class GroupList(EncodedPictures):
    """Groups of near-duplicates, the largest first; a row shows the first image of its group."""

    members: Sequence[SimilarPictures]
    columns: Sequence[Column] = (Column("images", 6, "right"), Column("first", keep_end=True))
    noun: str = "groups by size"

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        return [(f"{group.count():,}", group.names[0]) for group in self.members[offset : offset + limit]]

    def caption(self, index: int) -> str:
        """The size of the group."""
        return f"{self.members[index].count():,} ×"

    def facts(self, index: int) -> Sequence[tuple[str, str]]:
        """The size of a group and its first names."""
        names = self.members[index].names
        shown = [(str(n), name) for n, name in enumerate(names[:12], 1)]
        return ("", "Near-duplicates"), ("images", f"{len(names):,}"), *super().facts(index), *shown


def find_similar(known: KnownEncoding, file: Path) -> SimilarPictures | None:
    """The images of an encoding nearest to a file; None where the file has no row there: that takes the model.

    Raises FextError when the file or the encoding cannot be read.
    """
    from fext_engine.latents.encoding import open_encoding
    from fext_engine.latents.query import stored_query
    from fext_engine.latents.similar import similar

    encoding = open_encoding(known.folder)
    query = stored_query(encoding, file)
    if query is None:
        return None
    found = similar(encoding, query, TOP, METRIC).nearest
    names = [encoding.rows[row].path for row in found.rows[0].tolist()]
    return _similar(known, encoding.images, file, names, found.distances[0].tolist())


def read_similar(known: KnownEncoding, file: Path, results: Path) -> SimilarPictures:
    """What a job has found: the rows of its similar.csv; raises OSError or ValueError when they cannot be read."""
    with results.open(newline="", encoding="utf-8") as opened:
        lines = [(line["path"], float(line["distance"])) for line in csv.DictReader(opened)]
    return _similar(known, known.images, file, [path for path, _ in lines], [distance for _, distance in lines])


def _similar(
    known: KnownEncoding, images: Path, file: Path, names: Sequence[str], distances: Sequence[float]
) -> SimilarPictures:
    name = escape_name(file.relative_to(images).as_posix() if file.is_relative_to(images) else str(file))
    return SimilarPictures(
        images, (name, *names), encoding=known, title=f"{escape_name(file.name)} · {METRIC} · {known.name}",
        query=file, distances=(0.0, *distances),
    )  # fmt: skip


def find_groups(
    known: KnownEncoding, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
) -> GroupList:
    """Groups of nearly equal images of an encoding; each is opened as the first image and what is near to it.

    Raises Cancelled when nobody waits any more, FextError when the encoding cannot be read.
    """
    from fext_engine.latents.encoding import open_encoding
    from fext_engine.latents.groups import default_threshold, groups

    def step(done: int, total: int) -> None:
        if cancelled():
            raise Cancelled
        progress(done, total)

    encoding = open_encoding(known.folder)
    threshold = default_threshold(encoding.vectors, METRIC)
    found = groups(encoding.vectors, threshold, METRIC, progress=step)
    members = [_group(known, encoding, rows.tolist(), f"group {n} of {len(found)}") for n, rows in enumerate(found, 1)]
    title = f"near-duplicates, up to {threshold:.4g} apart · {known.name}"
    return GroupList(
        encoding.images, tuple(group.names[0] for group in members), encoding=known, title=title, members=members
    )


def _group(known: KnownEncoding, encoding: Encoding, rows: list[int], title: str) -> SimilarPictures:
    import numpy as np

    from fext_engine.latents.distance import exact_scores, to_distances

    numbers = np.array(rows)
    vectors = encoding.vectors
    distances = to_distances(
        exact_scores(vectors, np.repeat(numbers[:1], len(rows)), vectors, numbers, METRIC), METRIC
    )
    order = np.argsort(distances, kind="stable")  # the first is the nearest to itself
    names = tuple(encoding.rows[rows[at]].path for at in order.tolist())
    return SimilarPictures(
        encoding.images, names, encoding=known, title=f"{title} · {METRIC} · {known.name}",
        query=encoding.image(rows[0]), distances=distances[order].tolist(),
    )  # fmt: skip
