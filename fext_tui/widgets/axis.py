"""Where the ticks of a plot's axes stand, and which points are worth drawing."""

from __future__ import annotations

import math

Points = list[tuple[float, float]]


def thin(points: Points, most: int) -> Points:
    """Return at most `most` of `points`, evenly chosen, the first and the last among them."""
    if len(points) <= most or most < 2:
        return points
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def nice_ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Return at most about `most` round values within low..high; whole numbers only where `whole`."""
    rough = (high - low) / max(1, most)
    power = 10 ** math.floor(math.log10(rough))
    step = next((power * m for m in (1, 2, 2.5, 5) if power * m >= rough * 0.999), power * 10)
    if whole:
        step = max(1, math.ceil(step))
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return the places (log10) of 1, 2, 5 times powers of ten within low..high, or evenly where these are few."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1,)):
        marks = [d + math.log10(m) for d in decades for m in factors if low <= d + math.log10(m) <= high]
        if 2 <= len(marks) <= 2 * most:
            return marks
    return [low + (high - low) * i / most for i in range(most + 1)]
