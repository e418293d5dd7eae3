"""A run's history as curves: the points of a metric, smoothed, and from an epoch on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fext_tui.widgets.axis import Points

VALIDATION = "val_"
History = Sequence[Mapping[str, Any]]
"""One mapping an epoch: `epoch`, `loss`, `val_loss` and other metrics."""


SMOOTHING = 0.6


class RunCurves:
    """A run's history and its curves, each worked out once: a long history takes a while."""

    def __init__(self, history: History = ()) -> None:
        self.history = list(history)
        self._points: dict[str, tuple[Points, Points]] = {}
        self._smoothed: dict[str, tuple[Points, Points]] = {}

    def points(self, metric: str) -> tuple[Points, Points]:
        """Return the finite points of the training and of the validation series."""
        if metric not in self._points:
            self._points[metric] = series(self.history, metric)
        return self._points[metric]

    def smoothed(self, metric: str) -> tuple[Points, Points]:
        """Return the same points smoothed."""
        if metric not in self._smoothed:
            train, validation = self.points(metric)
            self._smoothed[metric] = smooth(train, SMOOTHING), smooth(validation, SMOOTHING)
        return self._smoothed[metric]


def metric_names(history: History) -> list[str]:
    """The metrics with a usable value, `loss` first; a validation series goes with its training series."""
    found: dict[str, None] = {}
    for row in (*history[:1], *history[-1:]):
        found |= {key.removeprefix(VALIDATION): None for key in row if key != "epoch"}
    drawn = [name for name in found if any(series(history, name))]
    return sorted(drawn, key=lambda name: name != "loss")


def series(history: History, metric: str) -> tuple[Points, Points]:
    """Return the finite points (epoch, value) of the training and of the validation series."""
    found: tuple[Points, Points] = ([], [])
    for index, row in enumerate(history):
        epoch = _finite(row.get("epoch", index + 1))
        for points, key in zip(found, (metric, VALIDATION + metric), strict=True):
            value = _finite(row.get(key))
            if epoch is not None and value is not None:
                points.append((epoch, value))
    return found


def smooth(points: Points, weight: float) -> Points:
    """Return the exponential moving average, freed of the bias of its start, as TensorBoard draws it.

    `weight`, 0 to 1, is that of the past: the larger, the smoother.
    """
    smoothed, average = [], 0.0
    for number, (epoch, value) in enumerate(points, 1):
        average = weight * average + (1 - weight) * value
        smoothed.append((epoch, average / (1 - weight**number)))
    return smoothed


def first_epoch(curves: Sequence[Points], share: float) -> float:
    """The epoch at which the last `share` (0 to 1) of the curves begins, two points of a curve at least."""
    epochs = sorted({epoch for points in curves for epoch, _ in (*points[:1], *points[-2:])})
    if len(epochs) < 3:
        return epochs[0] if epochs else 0.0
    return min(epochs[-2], epochs[-1] - share * (epochs[-1] - epochs[0]))


def _finite(value: Any) -> float | None:
    """Return `value` as a finite float; None for anything else, such as an empty field of a table."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and abs(number) < 1e300 else None
