"""The small pictures of a contact sheet, read in a worker thread: stored thumbnails where there are, else the files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.errors import FextError
from fext_engine.images.faults import DecodeError
from fext_engine.paths import unescape_name
from fext_tui.reconstructions import Sample, SampleList
from fext_tui.shown_row import Explained

if TYPE_CHECKING:
    from fext_engine.records.thumbnails import StoredThumbnail
    from fext_tui.listing import Pictures
    from fext_tui.widgets.half_blocks import Pixels


@dataclass(frozen=True)
class Subject:
    """What a tile shows: an image file, or a sample of a run."""

    index: int
    """The row of the list."""
    name: str
    """As the list shows it; for a file its stored path."""
    path: Path
    sample: Sample | None = None
    caption: str = ""
    """What stands before the name below the tile."""


@dataclass(frozen=True)
class Tile:
    """A small picture with its aspect kept, or a word for why there is none."""

    pixels: Pixels | None
    """uint8 (H, W, 3)."""
    word: str = ""


def subjects_of(pictures: Pictures, offset: int, limit: int) -> list[Subject]:
    """The rows of a contact sheet's page."""
    if isinstance(pictures, SampleList):
        rows = enumerate(pictures.samples[offset : offset + limit], offset)
        return [Subject(n, f"{s.name}  {s.run}", s.pictures[-1], s) for n, s in rows]
    names = ((index, pictures.name(index) or "") for index in range(offset, offset + limit))
    if isinstance(pictures, Explained):
        return [Subject(n, name, pictures.path(n), caption=pictures.caption(n)) for n, name in names]
    return [Subject(index, name, pictures.root / unescape_name(name)) for index, name in names]


def read_tiles(
    subjects: Sequence[Subject],
    size: tuple[int, int],
    records: tuple[Path, Path] | None,
    cancelled: Callable[[], bool],
) -> Iterator[tuple[int, Tile]]:
    """Yield the row and the tile of each subject, at most `size`, (width, height) pixels.

    `records` are the database and the root that the subjects' names belong to; None reads the files alone.
    """
    stored = _stored(subjects, size, records)
    for subject in subjects:
        if cancelled():
            return
        try:
            yield subject.index, Tile(_shrunk(subject, size, stored.get(subject.name)))
        except (DecodeError, IndexError) as error:
            yield subject.index, Tile(None, error.kind if isinstance(error, DecodeError) else "other size")


def _stored(
    subjects: Sequence[Subject], size: tuple[int, int], records: tuple[Path, Path] | None
) -> dict[str, StoredThumbnail]:
    from fext_engine.images.thumbnails import SIDE

    if records is None or max(size) > SIDE:
        return {}
    from fext_engine.records import open_records
    from fext_engine.records.thumbnails import stored_thumbnails

    database, root = records
    try:
        with open_records(database) as opened:
            return stored_thumbnails(opened, root, [subject.name for subject in subjects])
    except (FextError, sqlite3.Error):  # the files themselves are there
        return {}


def _shrunk(subject: Subject, size: tuple[int, int], stored: StoredThumbnail | None) -> Pixels:
    import numpy as np
    from PIL import Image

    from fext_engine.images.decode import decode_image, decode_resized, read_file, read_info

    path = subject.path
    if subject.sample is not None:
        return _shrink_sample(subject.sample, size)
    if stored is not None and _unchanged(path, stored):
        image = Image.fromarray(stored.pixels)
        return np.asarray(image.resize(_fitted((stored.width, stored.height), size)))
    data = read_file(path)
    info = read_info(path, data)
    if info.format in ("JPEG", "MPO"):  # decoded at a fraction of its size
        width, height = _fitted((info.width, info.height), size)
        return decode_resized(path, height, width, data=data)
    image = Image.fromarray(
        decode_image(path, data=data).pixels
    )  # upright only now: a PNG may say so at its end
    return np.asarray(image.resize(_fitted(image.size, size), reducing_gap=2.0))


def _shrink_sample(sample: Sample, size: tuple[int, int]) -> Pixels:
    """A sample's original, reconstruction and error map, or the whole picture, in one row."""
    import numpy as np
    from PIL import Image

    from fext_tui.figure import read_sample

    figure = read_sample(sample, len(sample.pictures) - 1)
    if not figure.panels:
        raise DecodeError("unreadable", figure.info)
    count = len(figure.panels)
    room = (max(1, size[0] // count), size[1])
    images = [Image.fromarray(panel) for panel in figure.panels]
    return np.hstack([np.asarray(image.resize(_fitted(image.size, room))) for image in images])


def _unchanged(path: Path, stored: StoredThumbnail) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (stored.bytes, stored.mtime_ns)


def _fitted(image: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The largest size within `room` with the aspect of `image`, at least one pixel a side."""
    scale = min(room[0] / max(1, image[0]), room[1] / max(1, image[1]))
    return max(1, round(image[0] * scale)), max(1, round(image[1] * scale))
