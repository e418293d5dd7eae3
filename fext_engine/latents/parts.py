"""An encoding that several processes make: its listing in parts, each in a folder of its own, joined at the end.

Where the parts lie depends on the files and the size of a step alone, not on the number of processes: what one
start left, a start with more or fewer of them goes on with.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from fext_engine.latents.listing import Listing
from fext_engine.latents.unfinished import PART

MOST = 512
"""Parts at most."""

LEAST = 64
"""Files of a part at least, but for the last."""


def cut(listing: Listing, first: int, step: int) -> list[Listing]:
    """The parts of a listing behind its `first` files, in their order, in whole steps of files."""
    size = step
    while size < LEAST or size * MOST < listing.count:
        size *= 2
    return listing.cut([first, *range((first // size + 1) * size, listing.count, size), listing.count])


def folder_of(work: Path, part: Listing) -> Path:
    """The folder, in that of an unfinished encoding, in which a part of it is made."""
    return work / f"{PART}{part.first}"


def there_are_parts(work: Path) -> bool:
    """Whether several processes were at work in that folder and left parts that are not joined."""
    return any(work.glob(f"{PART}*"))


def remove_parts(work: Path) -> None:
    """Remove the parts that are left."""
    for folder in work.glob(f"{PART}*"):
        shutil.rmtree(folder, ignore_errors=True)
