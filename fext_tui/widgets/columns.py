"""Columns of a table on a cell grid: their places, and a row as one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fext_tui.widgets.text import Align, fit, printable

Row = Sequence[str]
_LEAST_WIDTH = 6  # of a column that shares what the others leave


@dataclass(frozen=True)
class Column:
    """A column: `width` cells, or a share of what the others leave where None."""

    title: str
    width: int | None = None
    align: Align = "left"


def column_spans(columns: Sequence[Column], width: int) -> list[tuple[int, int]]:
    """Return (first cell, cells) of each column in a line of `width` cells, margins and gaps of one cell.

    A column that finds no room left has no cells.
    """
    room = width - 1
    shares = sum(column.width is None for column in columns)
    fixed = sum(column.width or 0 for column in columns) + len(columns) - 1
    spare = max(room - fixed - 1, shares * _LEAST_WIDTH)
    spans = []
    start = 1
    for column in columns:
        cells = column.width
        if cells is None:
            cells = spare // shares
            spare, shares = spare - cells, shares - 1
        cells = max(0, min(cells, room - start))
        spans.append((start, cells))
        start += cells + 1
    return spans


def table_line(texts: Row, columns: Sequence[Column], width: int) -> str:
    """Return `texts` as one line of exactly `width` cells, each clipped to its column with an ellipsis."""
    cells = [
        fit(printable(text), span, column.align)
        for text, column, (_, span) in zip(texts, columns, column_spans(columns, width), strict=False)
    ]
    return fit(" " + " ".join(cell for cell in cells if cell), width)
