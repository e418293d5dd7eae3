"""Whether an exported model gives what the run's own does: measured after every export, within a tolerance."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError
from fext_engine.export.subject import Part, Subject
from fext_engine.paths import escape_name

TOLERANCE = 1e-4
"""Of the largest value, or of 1: float32 holds seven digits, and other sums of a deep network lose two or three."""


@dataclass(frozen=True)
class Difference:
    """How far two results are apart: the largest difference, and the largest value of the run's own."""

    maximum: float
    largest: float

    @property
    def is_small(self) -> bool:
        """Whether it is within the tolerance; what is no number is not."""
        return self.maximum <= TOLERANCE * max(1.0, self.largest)


def measure(name: str, part: Part, pixels: NDArray[np.uint8], expected: NDArray[np.float32]) -> Difference:
    """Run a part on `pixels` (N, H, W, C), as a batch of one and one of the rest, and compare the results.

    Raises FextError when they are not what was expected within the tolerance.
    """
    given = np.concatenate([part(pixels[:1]), part(pixels[1:])])
    if given.shape != expected.shape:
        raise FextError(f"the exported {name} gives {given.shape}, not {expected.shape}", _WAY_OUT)
    difference = Difference(
        float(np.abs(given.astype(np.float64) - expected).max()), float(np.abs(expected).max())
    )
    if not difference.is_small:
        raise FextError(
            f"the exported {name} differs from the run's model by up to {difference.maximum:.2g}, "
            f"at values up to {difference.largest:.3g}",
            _WAY_OUT,
        )
    return difference


def check_reading(code: Path, subject: Subject) -> None:
    """Raise FextError unless `load_pixels` of the exported code reads each image's file as FeXT does, bit by bit."""
    module, size = load_code(code), subject.size
    for file, pixels in zip(subject.files, subject.pixels, strict=False):
        read = module.load_pixels(file, size.height, size.width, size.channels)
        if not np.array_equal(read[0], pixels):
            raise FextError(f"the exported {code.name} reads {escape_name(str(file))} otherwise", _WAY_OUT)


def load_code(file: Path) -> ModuleType:
    """Run a file of Python code that an export wrote, as a module of its own, leaving no trace beside it."""
    module = ModuleType(f"fext_exported_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(file.read_text(encoding="utf-8"), file, "exec"), vars(module))
    finally:
        del sys.modules[module.__name__]
    return module


_WAY_OUT = "nothing was kept; please report it, with the versions that `fext locate` shows"
