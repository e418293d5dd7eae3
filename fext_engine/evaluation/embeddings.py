"""Principal components of embeddings, and the plot of points in two dimensions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

_COLOURED = 10  # groups with a colour of their own; more cannot be told apart
_INK = 45_000  # square points of all markers together, so that many points do not hide each other


def principal_components(embeddings: NDArray[np.float32]) -> tuple[NDArray[np.float64], list[float]]:
    """The first two principal components (N, 2) of embeddings (N, D), and their shares of the variance."""
    centred = embeddings.astype(np.float64) - embeddings.mean(0, dtype=np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    total = float(values.sum())
    shares = [float(v) / total if total > 0 else 0.0 for v in values[:-3:-1]]
    return centred @ vectors[:, :-3:-1], shares


def component_labels(variance: Sequence[float]) -> tuple[str, str]:
    """What the axes of the first two principal components are called."""
    return (
        f"first component, {variance[0]:.1%} of the variance",
        f"second component, {variance[1]:.1%} of the variance",
    )


def save_points(
    file: Path | IO[bytes],
    points: NDArray[np.floating],
    title: str,
    labels: tuple[str, str],
    groups: Sequence[str],
) -> None:
    """Draw points (N, 2) as PNG, coloured by group; the rarer groups beyond ten share the colour grey."""
    largest = [name for name, _ in Counter(groups).most_common()]
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    member = np.array(groups)
    size = min(9.0, _INK / max(1, len(points)))
    for number, name in enumerate(largest[:_COLOURED]):
        label = (name or "(no class)").replace("$", r"\$")  # a `$` would start a formula
        _scatter(axes, points[member == name], f"C{number}", label, size)
    rest = ~np.isin(member, largest[:_COLOURED])
    if rest.any():
        _scatter(axes, points[rest], "0.7", f"{len(largest) - _COLOURED} more", size)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_title(title)
    for handle in axes.legend(fontsize="small").legend_handles:
        handle.set_sizes([20.0])  # type: ignore[union-attr]
    figure.savefig(file, format="png")


def _scatter(axes: Axes, points: NDArray[np.floating], colour: str, label: str, size: float) -> None:
    x, y = points[:, 0], points[:, 1]
    axes.scatter(x, y, s=size, linewidths=0, alpha=0.7, color=colour, label=f"{label} ({len(points)})")
