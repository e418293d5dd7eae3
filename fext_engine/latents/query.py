"""The image that is searched for: its stored vector where the encoding has one, else the run's encoder at work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.errors import FextError
from fext_engine.images.decode import content_digest, read_file
from fext_engine.images.faults import DecodeError
from fext_engine.latents.distance import Vectors
from fext_engine.latents.encoding import Encoding
from fext_engine.paths import escape_name
from fext_engine.workspace import Workspace

if TYPE_CHECKING:
    from fext_engine.sections import DeviceSettings


@dataclass(frozen=True)
class Query:
    """What is searched for."""

    vector: Vectors
    """(1, D), of the encoding's dtype."""
    row: int | None = None
    """The row of the image itself, which is left out of what is found; None where it has none."""


def find_query(encoding: Encoding, image: Path, workspace: Workspace, device: DeviceSettings) -> Query:
    """The query for any image file, inside or outside the encoded folder; see `stored_query`, `encode_query`."""
    return stored_query(encoding, image) or encode_query(encoding, image, workspace, device)


def stored_query(encoding: Encoding, image: Path) -> Query | None:
    """The query for a file whose content the encoding has a row of, wherever it lies; None for other content.

    Takes no torch. Only the file that the row was made of is left out of what is found: a copy of it elsewhere
    finds that one too. Raises FextError when the file cannot be read.
    """
    try:
        digest = content_digest(read_file(image))
    except DecodeError as error:
        raise _unusable(image, f"{error.kind}, {error.reason}") from error
    rows = [row for row, file in enumerate(encoding.rows) if file.digest == digest]
    if not rows:
        return None
    itself = _stored_paths(encoding, image)
    row = next((row for row in rows if encoding.rows[row].path in itself), None)
    return Query(encoding.vectors[rows[0] if row is None else row][None], row)


def encode_query(encoding: Encoding, image: Path, workspace: Workspace, device: DeviceSettings) -> Query:
    """The query for an image that is encoded now, by the weights and in the way that made the encoding.

    Raises FextError when the image is broken, and as `encoder_of` does.
    """
    from fext_engine.latents.encode_files import encode_files  # torch takes seconds

    vectors, problems = encode_files(encoding, [image], workspace, device)
    if problems:
        raise _unusable(image, problems[image])
    return Query(vectors.reshape(1, -1))


def _stored_paths(encoding: Encoding, image: Path) -> set[str]:
    """What rows.csv would call the file, by its name as it is given and by its real one."""
    found = set()
    for resolve in (os.path.abspath, os.path.realpath):
        path, root = Path(resolve(image)), Path(resolve(encoding.images))
        if path.is_relative_to(root):
            found.add(escape_name(path.relative_to(root).as_posix()))
    return found


def _unusable(image: Path, reason: str) -> FextError:
    return FextError(
        f"{escape_name(str(image))} cannot be searched for: {reason}",
        "search with an image that FeXT can read",
    )
