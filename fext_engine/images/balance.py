"""Class balance: how evenly the classes are filled, and which are missing from a side of the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log2


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Files of one class (folder): usable ones per side of the split, and the rest."""

    name: str
    """Escaped folder relative to the root; empty for images directly in the root."""
    train: int
    validation: int
    unused: int
    broken: int

    @property
    def used(self) -> int:
        return self.train + self.validation


@dataclass(frozen=True, slots=True)
class Balance:
    """How evenly the used images lie in the classes that have any."""

    classes: int
    largest: int
    """Images of the largest class."""
    smallest: int
    ratio: float
    """Largest over smallest class; 1 is even."""
    normalised_entropy: float
    """Shannon entropy of the class shares over the logarithm of their number; 1 is even, also for one class."""
    split_divergence: float
    """Jensen-Shannon divergence of the class shares of both sides, in bits, 0 to 1; small sides alone raise it."""
    missing_from_train: tuple[str, ...]
    missing_from_validation: tuple[str, ...]


def assess_balance(counts: Sequence[ClassCount]) -> Balance:
    """Judge the balance; classes without a usable image are left out."""
    used = [c for c in counts if c.used]
    sizes = [c.used for c in used]
    total = sum(sizes)
    entropy = -sum(n / total * log(n / total) for n in sizes)
    return Balance(
        classes=len(used),
        largest=max(sizes, default=0),
        smallest=min(sizes, default=0),
        ratio=max(sizes) / min(sizes) if used else 1.0,
        normalised_entropy=entropy / log(len(used)) if len(used) > 1 else 1.0,
        split_divergence=divergence([c.train for c in used], [c.validation for c in used]),
        missing_from_train=tuple(c.name for c in used if not c.train),
        missing_from_validation=tuple(c.name for c in used if not c.validation),
    )


def divergence(first: Sequence[int], second: Sequence[int]) -> float:
    """Jensen-Shannon divergence of two lists of counts, in bits; 0 when one side has none."""
    totals = sum(first), sum(second)
    if not all(totals):
        return 0.0
    found = 0.0
    for a, b in zip(first, second, strict=True):
        p, q = a / totals[0], b / totals[1]
        found += sum(x / 2 * log2(2 * x / (p + q)) for x in (p, q) if x)
    return max(0.0, found)
