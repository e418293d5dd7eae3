"""Lists of recorded images for the screens: ordered and filtered once in a worker thread, shown page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fext_engine.paths import unescape_name
from fext_tui.kept_records import KeptRecords
from fext_tui.widgets.columns import Column
from fext_tui.widgets.text import format_bytes, format_figure

if TYPE_CHECKING:
    import sqlite3

    import numpy as np

    from fext_engine.records import Records
    from fext_engine.records.filter import Filter

_WIDTHS = {
    "status": 12, "class": 14, "split": 10, "reason": 30, "excluded": 8, "excluded_reason": 20, "size": 11,
    "bytes": 9, "format": 6, "mode": 6, "notes": 24, "digest": 12,
}  # fmt: skip
_FIGURE_WIDTH = 9
_USUAL: tuple[str, ...] = (
    "status", "size", "class", "split", "bytes", "format", "laplacian_variance", "noise_ratio", "mean", "std",
    "entropy", "colourfulness", "edge_density", "notes",
)  # fmt: skip
_OF_BROKEN: tuple[str, ...] = ("status", "reason", "class", "bytes", "format", "split")
_LEAST_NAME = 20
_LEFT = frozenset(
    {"status", "class", "split", "reason", "excluded_reason", "format", "mode", "notes", "digest"}
)


@dataclass(frozen=True)
class Listing:
    """Which images are listed, and in which order."""

    order_by: str = "path"
    descending: bool = False
    filter: Filter | None = None
    status: str | None = None


@dataclass(eq=False)
class RecordedImages:
    """The images of a `Listing`, as a source of a row list. Reading a page takes a few milliseconds."""

    database: Path
    root: Path
    listing: Listing
    ids: np.ndarray[Any, Any]
    """(n,) int64, in the order of the list."""
    width: int = 80
    """Cells that the list has: decides which columns are shown."""
    noun: str = "pictures"

    @cached_property
    def _records(self) -> KeptRecords:
        return KeptRecords(self.database)

    def _read(self, ids: np.ndarray[Any, Any]) -> Sequence[sqlite3.Row | None]:
        """The records of `ids`; None for images that are gone, or whose records cannot be read."""
        from fext_engine.records.image_windows import read_rows

        return self._records.ask(lambda records: read_rows(records, ids.tolist()), [None] * len(ids))

    def count(self) -> int:
        return len(self.ids)

    @property
    def names(self) -> tuple[str, ...]:
        """The database's columns behind the shown ones; `size` is sorted by the width."""
        order = "size" if self.listing.order_by == "width" else self.listing.order_by
        wanted = [order, *(self.listing.filter.columns if self.listing.filter else ())]
        usual = _OF_BROKEN if self.listing.status == "broken" else _USUAL
        ordered = dict.fromkeys((usual[0], *wanted, *usual))
        free = self.width - 2 - max(_LEAST_NAME, self.width * 2 // 5)
        shown = []
        for name in ordered:
            needed = _width(name) + 1
            if name != "path" and needed <= free:
                shown.append(name)
                free -= needed
        return ("path", *shown)

    @property
    def columns(self) -> Sequence[Column]:
        return [
            Column("image", keep_end=True) if name == "path" else Column(name, _width(name), _align(name))
            for name in self.names
        ]

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        names = self.names
        found = self._read(self.ids[offset : offset + limit])
        return [
            [_cell(row, name) for name in names] if row is not None else ["(no longer there)"]
            for row in found
        ]

    def name(self, index: int) -> str | None:
        """The stored path of a row; None when the image is gone from the records."""
        row = self._read(self.ids[index : index + 1])[0]
        return None if row is None else str(row["path"])

    def path(self, index: int) -> Path:
        """The true path of a row; the folder itself when the image is gone from the records."""
        return self.root / unescape_name(self.name(index) or "")

    def find(self, name: str) -> int:
        """The row of a stored path, 0 where it is not listed."""
        import numpy as np

        from fext_engine.records.images import find_root

        def ask(records: Records) -> sqlite3.Row | None:
            found: sqlite3.Row | None = records.connection.execute(
                "SELECT id FROM images WHERE root_id = ? AND path = ?", (find_root(records, self.root), name)
            ).fetchone()
            return found

        row = self._records.ask(ask, None)
        places = np.flatnonzero(self.ids == row["id"]) if row else np.empty(0, np.int64)
        return int(places[0]) if len(places) else 0

    def is_excluded(self, index: int) -> bool:
        """Whether a row's image is kept out of training."""
        row = self._read(self.ids[index : index + 1])[0]
        return bool(row is not None and row["excluded"])


def open_listing(
    database: Path, root: Path, listing: Listing, cancelled: Callable[[], bool] = lambda: False
) -> RecordedImages:
    """Make a list, in a worker thread: half a second by path and two by a measure for a million images."""
    from fext_engine.records import open_records
    from fext_engine.records.image_windows import list_ids

    with open_records(database) as records:
        ids = list_ids(
            records, root, order_by=listing.order_by, descending=listing.descending, status=listing.status,
            filter=listing.filter, cancelled=cancelled,
        )  # fmt: skip
    return RecordedImages(database, root, listing, ids)


def sort_column(name: str) -> str:
    """The database's column that sorts a shown one."""
    return "width" if name == "size" else name


def _width(name: str) -> int:
    return _WIDTHS.get(name, max(_FIGURE_WIDTH, len(name)))


def _align(name: str) -> Any:
    return "left" if name in _LEFT else "right"


def _cell(row: sqlite3.Row, name: str) -> str:
    if name == "size":
        return f"{row['width']} x {row['height']}" if row["width"] else ""
    if name == "status" and row["excluded"]:
        return "excluded" if row["status"] == "ok" else f"- {row['status']}"
    value = row[name]
    if value is None:
        return ""
    if name == "excluded":
        return "yes" if value else ""
    if name == "bytes":
        return format_bytes(value)
    return value if isinstance(value, str) else format_figure(value)
