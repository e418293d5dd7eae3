"""Small tables of text as sources of a row list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fext_tui.widgets.columns import Column


@dataclass(frozen=True)
class TableRows:
    """Rows that are all in memory: for lists of runs, jobs or presets, not of images."""

    columns: Sequence[Column]
    data: Sequence[Sequence[str]] = ()
    values: Sequence[str] = ()
    """What is copied of each row: an id, a name or a path; by default its texts."""

    def count(self) -> int:
        return len(self.data)

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        return self.data[offset : offset + limit]

    def value(self, index: int) -> str:
        """What is copied of a row."""
        return self.values[index] if self.values else "\t".join(self.data[index])
