"""All images that are scored as one list: the rows of the encoding, then those of its reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError
from fext_engine.latents.anomaly.normals import Normals
from fext_engine.latents.encoding import Encoding
from fext_engine.paths import escape_name

Places = NDArray[np.int64]

_CHUNK = 4096


@dataclass(frozen=True)
class Subjects:
    """Places 0 to n - 1 are the rows of the encoding, those from n on the rows of a reference of its own."""

    encoding: Encoding
    normals: Normals
    masks: frozenset[int] = frozenset()
    """Places in the encoding's files of those that are masks of a labelled folder: they get no score."""

    @property
    def parts(self) -> tuple[tuple[Encoding, int], ...]:
        """The encodings, with the place of their first row."""
        own = self.normals.encoding is self.encoding
        return ((self.encoding, 0),) if own else ((self.encoding, 0), (self.normals.encoding, self.rows))

    @property
    def rows(self) -> int:
        """Rows of the encoding."""
        return len(self.encoding.latents)

    @property
    def wanted(self) -> Places:
        """Places of all that is to be scored."""
        rows = np.setdiff1d(np.arange(self.rows), np.array([*self.masks], np.int64))
        return np.union1d(rows, self.normal)

    @property
    def normal(self) -> Places:
        """Places of the normal images."""
        return self.normals.rows + self.parts[-1][1]

    @cached_property
    def contents(self) -> NDArray[np.int64]:
        """A number for each place (M,), the same for files of the same content."""
        digests = [file.digest for encoding, _ in self.parts for file in encoding.rows]
        return np.unique(np.array(digests), return_inverse=True)[1].reshape(-1)

    def by_encoding(self, places: Places) -> Iterator[tuple[Encoding, int, Places]]:
        """Yield each encoding, the place of its first row, and those of its rows that are among the places."""
        for encoding, first in self.parts:
            rows = places[(places >= first) & (places < first + len(encoding.latents))] - first
            if len(rows):
                yield encoding, first, rows

    def pooled(self, places: Places) -> NDArray[np.float32]:
        """The latent vectors, latent maps as their mean over positions: (len(places), C)."""
        found = []
        for encoding, _, rows in self.by_encoding(places):
            latents = np.asarray(encoding.latents[rows], np.float32)
            if encoding.manifest.pooling in ("flatten", "none"):
                latents = latents.reshape(len(rows), -1, encoding.manifest.latent_shape[2]).mean(1)
            found.append(latents.reshape(len(rows), -1))
        return np.concatenate(found)

    def require_finite(self) -> None:
        """Raise FextError when a vector holds what is no number: no distance to it means anything."""
        for encoding, _ in self.parts:
            for start in range(0, len(encoding.latents), _CHUNK):
                if not np.isfinite(encoding.latents[start : start + _CHUNK]).all():
                    raise FextError(
                        f"{escape_name(encoding.name)} holds vectors that are not finite",
                        "encode again as float32, or train anew: the run may have diverged",
                    )

    def require_images(self) -> None:
        """Raise FextError when the images of an encoding are all gone: scores need their pixels."""
        for encoding, _ in self.parts:
            if not any(encoding.image(row).exists() for row in range(len(encoding.latents))):
                raise FextError(
                    f"none of the images of {escape_name(encoding.name)} is in "
                    f"{escape_name(str(encoding.images))} any more",
                    "put them back, or encode them where they are now",
                )

