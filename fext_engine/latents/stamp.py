"""Tells whether something that was derived from an encoding's vectors still belongs to them."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict

from fext_engine.errors import FextError
from fext_engine.latents.encoding import LATENTS, Encoding
from fext_engine.paths import escape_name


class Stamp(BaseModel):
    """The vectors' file as it was."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    mtime_ns: int
    digest: str
    """`sha256:` and the hexadecimal digest of the file."""


def stamp_of(encoding: Encoding) -> Stamp:
    """Read the vectors once and say what they are; raises FextError when they cannot be read."""
    file = encoding.folder / LATENTS
    try:
        status = file.stat()
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise FextError(
            f"cannot read {escape_name(str(file))}: {error.strerror or error}", "encode the folder again"
        ) from error
    return Stamp(bytes=status.st_size, mtime_ns=status.st_mtime_ns, digest=f"sha256:{digest}")


def is_fresh(encoding: Encoding, stamp: Stamp) -> bool:
    """Whether the vectors are still those of the stamp.

    The same size and time are believed; after a copy of the folder, which changes the time, the digest decides.
    """
    try:
        status = (encoding.folder / LATENTS).stat()
    except OSError:
        return False
    if status.st_size != stamp.bytes:
        return False
    return status.st_mtime_ns == stamp.mtime_ns or stamp_of(encoding).digest == stamp.digest
