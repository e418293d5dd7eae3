"""One small plot of a sheet: where it lies, which values its sides span, and which of them are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import LogLocator, MaxNLocator

from fext_engine.images.figures.style import number_text

Floats = npt.NDArray[np.float64]
Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Scale:
    """The values from one end of a panel to the other."""

    low: float
    high: float
    logarithmic: bool = False
    ticks: Ticks = ()
    """Values and their names; none make an unnamed side."""

    def places(self, values: npt.ArrayLike) -> Floats:
        """Where values lie: 0 at the low end, 1 at the high end."""
        given, low, high = np.asarray(values, np.float64), self.low, self.high
        if self.logarithmic:
            given, low, high = np.log(given), float(np.log(low)), float(np.log(high))
        return np.asarray((given - low) / (high - low), np.float64)


def linear(low: float, high: float, most: int, *, whole: bool = False) -> Scale:
    """A linear scale with about `most` round numbers; `whole` allows no others than integers."""
    locator = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=whole)
    found = np.asarray(locator.tick_values(low, high))
    shown = found[(found >= low - 1e-9 * (high - low)) & (found <= high + 1e-9 * (high - low))]
    return Scale(low, high, ticks=_named(shown))


def logarithmic(low: float, high: float) -> Scale:
    """A logarithmic scale, whose ends are positive."""
    span = high / low
    subs = (1.0, 2.0, 5.0) if span < 200 else (1.0, 3.0) if span < 5000 else (1.0,)
    found = np.asarray(LogLocator(subs=subs, numticks=6).tick_values(low, high))
    shown = found[(found >= low) & (found <= high)]
    if len(shown) < 2:  # less than a decade may hold none of them
        return Scale(low, high, True, linear(low, high, 4).ticks)
    return Scale(low, high, True, [(float(value), number_text(value)) for value in shown])


def _named(values: Floats) -> Ticks:
    """Values with as many decimals as the steps between them need."""
    largest, step = float(np.abs(values).max(initial=0)), float(np.diff(values).min(initial=1))
    exact = (d for d in range(8) if np.abs(np.round(values, d) - values).max(initial=0) < step / 99)
    if largest >= 10_000 or largest < 0.001:
        return [(value, number_text(value)) for value in values.tolist()]
    decimals = next(exact, 8)
    return [(value, f"{value + 0.0:.{decimals}f}") for value in values.tolist()]


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle of a sheet in points from its lower left corner, with its scales."""

    left: float
    bottom: float
    width: float
    height: float
    x: Scale = Scale(0, 1)
    y: Scale = Scale(0, 1)

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def top(self) -> float:
        return self.bottom + self.height

    def place(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
        """(n, 2) points of the sheet, for n values of each side."""
        return np.stack(
            [self.left + self.width * self.x.places(x), self.bottom + self.height * self.y.places(y)], axis=-1
        )

    def across(self, x: npt.ArrayLike) -> Floats:
        """(n, 2, 2): a line from bottom to top at each of n values."""
        places = self.left + self.width * np.atleast_1d(self.x.places(x))
        ends = np.broadcast_to([self.bottom, self.top], (len(places), 2))
        return np.stack([np.repeat(places[:, None], 2, axis=1), ends], axis=-1)

    def boxes(
        self, left: npt.ArrayLike, right: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike
    ) -> Floats:
        """(n, 4, 2): rectangles from n values to n others."""
        x0, x1, y0, y1 = np.broadcast_arrays(*map(np.atleast_1d, (left, right, low, high)))
        return self.place(np.stack([x0, x1, x1, x0], axis=1), np.stack([y0, y0, y1, y1], axis=1))

    def steps(self, heights: npt.ArrayLike, edges: npt.ArrayLike) -> Floats:
        """(2 n + 2, 2): the outline of a histogram of n bins, from the ground to the ground."""
        inner = np.repeat(np.asarray(heights, np.float64), 2)
        return self.place(np.repeat(np.asarray(edges, np.float64), 2), [0.0, *inner, 0.0])
