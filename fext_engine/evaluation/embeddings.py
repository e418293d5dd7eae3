"""Principal components of embeddings, and their plot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

_COLOURED = 10  # groups with a colour of their own; more cannot be told apart


def principal_components(embeddings: NDArray[np.float32]) -> tuple[NDArray[np.float64], list[float]]:
    """The first two principal components (N, 2) of embeddings (N, D), and their shares of the variance."""
    centred = embeddings.astype(np.float64) - embeddings.mean(0, dtype=np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    total = float(values.sum())
    shares = [float(v) / total if total > 0 else 0.0 for v in values[:-3:-1]]
    return centred @ vectors[:, :-3:-1], shares


def save_embeddings(
    path: Path, points: NDArray[np.float64], variance: Sequence[float], groups: Sequence[str]
) -> None:
    """Draw points (N, 2), coloured by group; the rarer groups beyond ten share the colour grey."""
    largest = [name for name, _ in Counter(groups).most_common()]
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    member = np.array(groups)
    for number, name in enumerate(largest[:_COLOURED]):
        label = (name or "(no class)").replace("$", r"\$")  # a `$` would start a formula
        _scatter(axes, points[member == name], f"C{number}", label)
    rest = ~np.isin(member, largest[:_COLOURED])
    if rest.any():
        _scatter(axes, points[rest], "0.7", f"{len(largest) - _COLOURED} more")
    axes.set_xlabel(f"first component, {variance[0]:.1%} of the variance")
    axes.set_ylabel(f"second component, {variance[1]:.1%} of the variance")
    axes.set_title("Principal components of the embeddings")
    axes.legend(fontsize="small")
    figure.savefig(path)


def _scatter(axes: Axes, points: NDArray[np.float64], colour: str, label: str) -> None:
    axes.scatter(points[:, 0], points[:, 1], s=9, alpha=0.7, color=colour, label=f"{label} ({len(points)})")
