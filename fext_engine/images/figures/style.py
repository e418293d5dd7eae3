"""What all figures of a report share: colours, plain numbers, and names that fit."""

from __future__ import annotations

from fext_engine.records.reports import Table

TRAIN, VALIDATION, BROKEN, NEUTRAL = "#2f6db3", "#e08a1e", "#c23b3b", "#8a94a3"
DARK, INK, GRID, EDGE = "#1c2733", "#000000", "#e4e7ec", "#8a94a3"
CHANNELS = {"red": "#c0392b", "green": "#2e9e4f", "blue": "#2c5fb8"}
VERDICT_COLOURS = {"none": NEUTRAL, "small": VALIDATION, "drift": BROKEN}
MAX_NAME = 28


def number_text(value: float) -> str:
    """A number with three figures; thousands as `1.5k`, millions as `1.5M`."""
    if abs(value) >= 999_500:
        return f"{value / 1e6:.3g}M"
    return f"{value / 1000:.3g}k" if abs(value) >= 999.5 else f"{value:.3g}"


def class_label(name: str) -> str:
    """A class's name as a label of limited length."""
    if len(name) > MAX_NAME:
        name = f"{name[: MAX_NAME // 2]}…{name[-MAX_NAME // 2 :]}"
    return name or "(no folder)"


def sample_text(table: Table) -> str:
    """How many images a figure shows."""
    n = len(table.values)
    return f"{n:,}" if n == table.total else f"{n:,} (at random of {table.total:,})"
