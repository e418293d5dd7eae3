"""What is asked about a file and what was found in it: the messages between scan, workers and records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fext_engine.images.faults import FailureKind

Status = Literal["ok"] | FailureKind

READY = b"ready\n"
"""What a worker says first, once everything it needs is loaded."""


@dataclass(frozen=True, slots=True)
class Task:
    """One file to examine."""

    id: int
    """The image's id in the database."""
    path: str
    """Stored path: escaped, relative to the root."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in one file. Without an image (`status` is not `ok`) only `reason` and `digest` count."""

    id: int
    path: str
    status: Status
    reason: str = ""
    digest: str = ""
    """SHA-256 of the file's bytes, in hex; empty when it could not be read."""
    format: str = ""
    mode: str = ""
    bit_depth: int = 0
    width: int = 0
    height: int = 0
    orientation: int = 1
    frames: int = 1
    alpha_share: float = 0.0
    notes: str = ""
    values: tuple[float, ...] = field(default=())
    """The measures, in the order of MEASURES."""
    perceptual_hash: str = ""
    """64 bits in hex."""
    histogram: bytes = b""
    """Made by `fext_engine.images.examine.pack_histogram`."""
    thumbnail: bytes = b""
    """Made by `fext_engine.images.thumbnails.make_thumbnail`."""
