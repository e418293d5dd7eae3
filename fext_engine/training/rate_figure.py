"""The figure of a learning-rate range test."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fext_engine.training.rate_curve import RateCurve


def save_rate_figure(path: Path, curve: RateCurve, suggested: float | None, loss: str, x_title: str) -> None:
    """Draw losses and smoothed losses over the rates, with the suggestion; `loss` names what was minimised."""
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(curve.rates, curve.losses, ".", color="0.7", label="of a batch")
    axes.plot(*zip(*curve.points, strict=True), color="C0", label="smoothed")
    if suggested is not None:
        axes.axvline(suggested, color="C1", linestyle="--", label=f"suggested: {suggested:.2g}")
    axes.set_ylim(0, curve.highest_shown)
    axes.set(xscale="log", xlim=(0.9 * curve.rates[0], 1.1 * curve.rates[-1]))
    axes.set(xlabel=x_title, ylabel=f"loss ({loss}, pixels from 0 to 1)")
    axes.set_title("Loss while the learning rate rises")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
