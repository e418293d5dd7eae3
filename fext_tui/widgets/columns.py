"""Columns of a table on a cell grid: their places, and a row as one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len

from fext_tui.widgets.text import Align, clip_start, fit, printable

Row = Sequence[str]
_LEAST_WIDTH = 6  # of a column that shares what the others leave


@dataclass(frozen=True)
class Column:
    """A column: `width` cells, or a share of what the others leave where None.

    Of a text that is too long its start is kept, of a path rather its end.
    """

    title: str
    width: int | None = None
    align: Align = "left"
    keep_end: bool = False


def column_spans(columns: Sequence[Column], width: int) -> list[tuple[int, int]]:
    """Return (first cell, cells) of each column in a line of `width` cells, margins and gaps of one cell.

    Between figures and the words behind them the gap is two cells. A column that finds no room left has no cells.
    """
    room = width - 1
    shares = sum(column.width is None for column in columns)
    gaps = [_gap(*pair) for pair in pairwise(columns)] + [0]
    fixed = sum(column.width or 0 for column in columns) + sum(gaps)
    spare = max(room - fixed - 1, shares * _LEAST_WIDTH)
    spans = []
    start = 1
    for column, gap in zip(columns, gaps, strict=False):
        cells = column.width
        if cells is None:
            cells = spare // shares
            spare, shares = spare - cells, shares - 1
        cells = max(0, min(cells, room - start))
        spans.append((start, cells))
        start += cells + gap
    return spans


def _gap(left: Column, right: Column) -> int:
    return 2 if left.align == "right" and right.align == "left" else 1


def table_line(texts: Row, columns: Sequence[Column], width: int) -> str:
    """Return `texts` as one line of exactly `width` cells, each clipped to its column with an ellipsis."""
    spans = column_spans(columns, width)
    line = ""
    for text, column, (start, span) in zip(texts, columns, spans, strict=False):
        if span:
            shown = clip_start(printable(text), span) if column.keep_end else printable(text)
            line = f"{line}{' ' * (start - cell_len(line))}{fit(shown, span, column.align)}"
    return fit(line, width)
