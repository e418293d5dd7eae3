"""Text made fit for a terminal cell grid: printable, clipped by cells, wrapped, and figures for people."""

from __future__ import annotations

import math
from typing import Literal

from rich.cells import cell_len, get_character_cell_size, set_cell_size

from fext_engine.paths import printable as printable  # noqa: PLC0414 - one of the ways to make text fit

Align = Literal["left", "right"]
ELLIPSIS = "…"


def fit(text: str, width: int, align: Align = "left") -> str:
    """Return `text` in exactly `width` cells: padded, or cut with an ellipsis; wide characters count double."""
    if width <= 0:
        return ""
    cells = cell_len(text)
    if cells > width:
        text = clip_cells(text, width - 1) + ELLIPSIS
        cells = cell_len(text)
    padding = " " * (width - cells)
    return padding + text if align == "right" else text + padding


def clip_cells(text: str, width: int) -> str:
    """Return the longest start of `text` that fills at most `width` cells."""
    return set_cell_size(text, width).rstrip(" ") if cell_len(text) > width else text


def clip_start(text: str, width: int) -> str:
    """Return `text` in at most `width` cells: of a longer one its end, after an ellipsis, as suits a path."""
    if cell_len(text) <= width:
        return text
    start, cells = len(text), 1
    while start > 0 and cells + get_character_cell_size(text[start - 1]) <= width:
        start -= 1
        cells += get_character_cell_size(text[start])
    return ELLIPSIS + text[start:] if width > 0 else ""


def wrap_cells(text: str, width: int) -> list[str]:
    """Return `text` as lines of at most `width` cells, broken at spaces where there is one to break at."""
    if width <= 0 or cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    start = cells = 0
    space = -1
    for index, character in enumerate(text):
        size = get_character_cell_size(character)
        if cells + size > width:
            end = space if space > start else index
            lines.append(text[start:end])
            start = end + 1 if end == space else end
            cells = cell_len(text[start:index])
            space = -1
        if character == " ":
            space = index
        cells += size
    return [*lines, text[start:]]


def format_duration(seconds: float | None) -> str:
    """Return a time span as `0:07`, `12:34`, `1:23:45` or `3d 04h`; `--:--` when it is not known."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "--:--"
    whole = round(seconds)
    if whole >= 100 * 3600:
        return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def format_figure(value: float) -> str:
    """Return `value` in about four significant digits: `12.3`, `0.0123`, `1.2e-05`, `12,345`."""
    try:
        finite = math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return "-inf" if value < 0 else "inf"
    if not finite:
        return str(value)
    size = abs(value)
    if value == int(value) and size < 1e15:
        return f"{int(value):,}" if size < 1e7 else f"{value:.3g}"
    if size >= 1000:
        return f"{value:,.0f}" if size < 1e7 else f"{value:.3g}"
    return f"{value:.4g}" if size >= 1e-4 else f"{value:.2e}"


def format_rate(rate: float | None, unit: str) -> str:
    """Return `12.3 images/s`; slower than one a second as `5.2 s/image`; nothing when it is not known."""
    if rate is None or not math.isfinite(rate) or rate <= 0:
        return ""
    if rate < 1:
        return f"{1 / rate:.1f} s/{unit.removesuffix('s') or 'step'}"
    return f"{rate:.1f} {unit}/s" if rate < 1000 else f"{rate:,.0f} {unit}/s"


def format_bytes(size: int) -> str:
    """Return a number of bytes as `512 B`, `1.5 KB` or `2.0 GB`, in powers of 1000."""
    amount = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
