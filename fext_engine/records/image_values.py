"""Numbers of the used images of a root for the search for issues: windows of measures, and all fingerprints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.records.database import Records

WINDOW = 5000  # images whose histograms are unpacked at a time: about 50 MB
_USED = "root_id = ? AND status = 'ok' AND split <> 'unused'"
_SIZES = ("width", "height", "bytes")


@dataclass(frozen=True, slots=True)
class Window:
    """Some images, in the order of their ids."""

    root_id: int
    ids: npt.NDArray[np.int64]
    columns: dict[str, npt.NDArray[np.float64]]
    """Every measure, width, height and bytes by name, (n,)."""
    histograms: list[bytes]
    """As `fext_engine.images.examine.unpack_histogram` takes them."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What finds copies, of all used images in the order of their ids; 49 bytes an image."""

    ids: npt.NDArray[np.int64]
    digests: npt.NDArray[np.uint64]
    """(n, 2): the first 128 bits."""
    hashes: npt.NDArray[np.uint64]
    """(n,): perceptual hashes."""
    training: npt.NDArray[np.bool_]
    pixels: npt.NDArray[np.int64]
    """Width times height."""
    bytes: npt.NDArray[np.int64]


def count_used(records: Records, root_id: int) -> int:
    """How many images of a root are measured and on a side of the split."""
    return int(
        records.connection.execute(f"SELECT count(*) FROM images WHERE {_USED}", (root_id,)).fetchone()[0]
    )


def windows(records: Records, root_id: int, most: int | None = None) -> Iterator[Window]:
    """Yield the used images window by window; with `most` a fixed random part of about so many."""
    names = (*_SIZES, *MEASURE_NAMES)
    threshold = 2**32
    if most is not None:
        threshold = int(2**32 * min(1.0, most / max(1, count_used(records, root_id))))
    last = -1
    while True:
        # Knuth's multiplicative hash scatters the ids evenly over 32 bits
        cursor = records.connection.execute(
            f"SELECT id, counts, {', '.join(names)} FROM images "
            "JOIN image_statistics ON image_statistics.image_id = id "
            "JOIN image_histograms ON image_histograms.image_id = id "
            f"WHERE {_USED} AND id > ? AND (id * 2654435761) % 4294967296 < ? ORDER BY id LIMIT ?",
            (root_id, last, threshold, WINDOW),
        )
        cursor.row_factory = None
        rows = cursor.fetchall()
        if not rows:
            return
        last = rows[-1][0]
        values = np.array([row[2:] for row in rows], np.float64)
        yield Window(
            root_id,
            np.array([row[0] for row in rows], np.int64),
            {name: values[:, i] for i, name in enumerate(names)},
            [row[1] for row in rows],
        )


def read_fingerprints(records: Records, root_id: int) -> Fingerprints:
    """Load what finds copies among the used images of a root."""
    cursor = records.connection.execute(
        "SELECT id, split = 'train', width * height, bytes, substr(digest, 1, 32) || perceptual_hash "
        f"FROM images JOIN image_statistics ON image_id = id WHERE {_USED} ORDER BY id",
        (root_id,),
    )
    cursor.row_factory = None
    numbers, texts = [np.empty((0, 4), np.int64)], [np.empty((0, 3), np.uint64)]
    while rows := list(islice(cursor, 10 * WINDOW)):
        numbers.append(np.array([row[:4] for row in rows], np.int64))
        packed = np.frombuffer(bytes.fromhex("".join(row[4] for row in rows)), ">u8")
        texts.append(packed.astype(np.uint64).reshape(-1, 3))
    number, text = np.concatenate(numbers), np.concatenate(texts)
    return Fingerprints(
        number[:, 0].copy(),
        text[:, :2].copy(),
        text[:, 2].copy(),
        number[:, 1] > 0,
        number[:, 2].copy(),
        number[:, 3].copy(),
    )


def paths_of(records: Records, ids: npt.NDArray[np.int64]) -> dict[int, str]:
    """The stored paths of some images by id."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), 500):
        part = [int(i) for i in ids[start : start + 500]]
        rows = records.connection.execute(
            f"SELECT id, path FROM images WHERE id IN ({', '.join('?' * len(part))})", part
        )
        found |= {row["id"]: row["path"] for row in rows}
    return found
