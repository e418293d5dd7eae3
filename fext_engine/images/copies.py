"""From groups of equal or similar images to issues: exact duplicates, near duplicates, leaks across the split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fext_engine.images.duplicates import HASH_BITS, differing_bits, group_equal, group_near
from fext_engine.records import Records
from fext_engine.records.health import Issue
from fext_engine.records.image_values import Fingerprints, paths_of, read_fingerprints

Places = npt.NDArray[np.intp]

_KEEP_FIRST = HASH_BITS + 1.0  # severity of the image to keep: above any copy's
_BLOCK = 256  # hashes of a side that are compared at a time
_COMPARED = 4096  # different hashes of the training side of one group that are tried: no group needs more


def find_copies(records: Records, root_id: int, radius: int) -> Iterator[Issue]:
    """Yield the issues of copies among the used images of a root.

    `radius` is how many of the 64 bits of two perceptual hashes may differ. Of each group one image is to
    keep (direction `keep`), the others are copies, nearest first: of exact ones the first file, of near ones
    the largest picture or file, of leaks the training image. Images with the same bytes stand for one another: they
    count as near duplicates only if another file looks alike.
    """
    prints = read_fingerprints(records, root_id)
    same = group_equal(prints.digests)
    first = np.unique(same, return_index=True)[1]  # of each label, by label
    alike = group_near(prints.hashes[first], radius)
    finder = _Finder(records, root_id, prints)
    for number, group in enumerate(_groups(same), 1):
        yield from finder.exact(group, number)
    for number, members in enumerate(_groups(alike), 1):
        yield from finder.near(first[members], number)
    number = 1
    for group in _groups(alike[same]):
        found = list(finder.leaks(group, number, same, radius))
        number += bool(found)
        yield from found


@dataclass(frozen=True)
class _Finder:
    """Issues of one group of images at a time, given by their places in the fingerprints."""

    records: Records
    root_id: int
    prints: Fingerprints

    def exact(self, group: Places, number: int) -> Iterator[Issue]:
        """Images with the same bytes."""
        yield self._keep("exact_duplicate", group[0], number, f"{len(group)} in the group")
        name = self._names(group[:1])[int(group[0])]
        for place in group[1:].tolist():
            yield self._copy("exact_duplicate", place, number, 0, f"copy of {name}")

    def near(self, group: Places, number: int) -> Iterator[Issue]:
        """Images that look alike."""
        keep = int(group[np.lexsort((self.prints.bytes[group], self.prints.pixels[group]))[-1]])
        yield self._keep("near_duplicate", keep, number, f"{len(group)} in the group")
        name = self._names(np.array([keep]))[keep]
        distances = differing_bits(self.prints.hashes[group], self.prints.hashes[keep])
        for place, distance in zip(group.tolist(), distances.tolist(), strict=True):
            if place != keep:
                yield self._copy("near_duplicate", place, number, distance, f"like {name}")

    def leaks(self, group: Places, number: int, same: npt.NDArray[np.int64], radius: int) -> Iterator[Issue]:
        """Validation images with a copy among the training images, and that copy."""
        training, validation = (group[self.prints.training[group] == side] for side in (True, False))
        if not (len(training) and len(validation)):
            return
        nearest, distances = _nearest(self.prints.hashes[training], self.prints.hashes[validation])
        leaking = distances <= radius  # a chain may join what is farther apart
        twins = training[nearest[leaking]]
        kept = np.unique(twins)
        names = self._names(kept)
        for place in kept.tolist():
            yield self._keep("leak", place, number, "training image")
        for place, twin, distance in zip(
            validation[leaking].tolist(), twins.tolist(), distances[leaking].tolist(), strict=True
        ):
            words = "the same bytes as" if same[place] == same[twin] else "like"
            yield self._copy("leak", place, number, distance, f"{words} {names[twin]} in training")

    def _keep(self, issue: str, place: int, number: int, detail: str) -> Issue:
        return self._issue(issue, place, (_KEEP_FIRST, 0.0, "keep"), number, detail)

    def _copy(self, issue: str, place: int, number: int, distance: int, detail: str) -> Issue:
        return self._issue(
            issue, place, (float(HASH_BITS - distance), float(distance), "copy"), number, detail
        )

    def _issue(
        self, issue: str, place: int, rank: tuple[float, float, str], number: int, detail: str
    ) -> Issue:
        severity, distance, direction = rank
        measure = "digest" if issue == "exact_duplicate" else "perceptual_hash"
        return Issue(
            int(self.prints.ids[place]), issue, self.root_id, severity, distance, None, measure, direction, number,
            detail,
        )  # fmt: skip

    def _names(self, places: Places) -> dict[int, str]:
        """Paths by place."""
        ids = self.prints.ids[places]
        paths = paths_of(self.records, ids)
        return {int(place): paths[int(i)] for place, i in zip(places, ids, strict=True)}


def _nearest(
    training: npt.NDArray[np.uint64], validation: npt.NDArray[np.uint64]
) -> tuple[Places, npt.NDArray[np.uint8]]:
    """For each validation hash the row of the nearest training hash and the bits in which they differ."""
    theirs, rows = np.unique(training, return_index=True)
    theirs, rows = theirs[:_COMPARED], rows[:_COMPARED]
    ours, inverse = np.unique(validation, return_inverse=True)
    best, distances = np.empty(len(ours), np.intp), np.empty(len(ours), np.uint8)
    for start in range(0, len(ours), _BLOCK):
        bits = differing_bits(ours[start : start + _BLOCK, None], theirs[None, :])
        best[start : start + _BLOCK] = rows[bits.argmin(axis=1)]
        distances[start : start + _BLOCK] = bits.min(axis=1)
    return best[inverse], distances[inverse]


def _groups(labels: npt.NDArray[np.int64]) -> Iterator[Places]:
    """Yield the places of each label that occurs twice or more, the largest group first."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(labels[order]) != 0)) if len(labels) else order
    sizes = np.diff(np.append(starts, len(labels)))
    several = np.flatnonzero(sizes > 1)
    for run in several[np.argsort(-sizes[several], kind="stable")].tolist():
        yield order[starts[run] : starts[run] + sizes[run]]
