"""Points on a cell grid: the part that is seen, whose each half of a cell is, and the next point in a direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.uint8]
    Numbers = npt.NDArray[np.int64]

MAX_ZOOM = 1000.0
_MARGIN = 0.04  # of the room, left free around all points
_KEPT = 0.1  # of the room, that the cursor keeps from the edge
_SQUARE = np.array((1.0, 2.0))  # a cell is twice as high as wide


class Cells(NamedTuple):
    """The group that most points are of; -1 where there is no point."""

    halves: Numbers
    """(2 H, W): of the upper and lower half of each cell."""
    whole: Numbers
    """(H, W)"""


@dataclass
class MapView:
    """The visible part of a plane with y upwards, all points (N, 2) of which are fitted at a zoom of 1."""

    points: Floats
    zoom: float = 1.0
    centre: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        self._cells: Cells | None = None
        self._cells_of: tuple[object, ...] = ()
        self.fit()

    def fit(self) -> None:
        """Show all points."""
        (left, low), (right, high) = self.points.min(0).tolist(), self.points.max(0).tolist()
        self.zoom, self.centre = 1.0, ((left + right) / 2, (low + high) / 2)
        self._span = max(right - left, 1e-12), max(high - low, 1e-12)

    def scale(self, width: int, height: int) -> float:
        """Widths of a cell that a unit of the plane takes in `width` x `height` cells."""
        room = 1 - 2 * _MARGIN
        return float(min(room * width / self._span[0], room * 2 * height / self._span[1]) * self.zoom)

    def places(self, width: int, height: int, *, only: int | None = None) -> Floats:
        """Where each point lies, or one of them: (n, 2) in cells from the upper left corner; also outside of it."""
        scale, (x, y) = self.scale(width, height), self.centre
        points = self.points if only is None else self.points[only : only + 1]
        return np.asarray(points * (scale, -scale / 2) + (width / 2 - x * scale, height / 2 + y * scale / 2))

    def point_at(self, column: float, line: float, width: int, height: int) -> tuple[float, float]:
        """The place in the plane of one in cells."""
        scale = self.scale(width, height)
        return self.centre[0] + (column - width / 2) / scale, self.centre[1] - 2 * (line - height / 2) / scale

    def cells(self, groups: Codes, width: int, height: int) -> Cells:
        """What each cell shows of the points, which are of these groups; binned anew when something changed."""
        look = (id(groups), width, height, self.zoom, self.centre)
        if self._cells is None or look != self._cells_of:
            self._cells = bin_points(self.places(width, height), groups, int(groups.max()) + 1, width, height)
            self._cells_of = look
        return self._cells

    def zoom_by(self, factor: float, around: tuple[float, float]) -> None:
        """Zoom by a factor, 1 to 1000 in all; the place `around`, in the plane, stays where it is seen."""
        before = self.zoom
        self.zoom = min(MAX_ZOOM, max(1.0, self.zoom * factor))
        if self.zoom == 1.0:
            self.fit()
            return
        share = before / self.zoom
        (x, y), (to_x, to_y) = self.centre, around
        self.centre = (to_x + (x - to_x) * share, to_y + (y - to_y) * share)

    def move(self, columns: float, lines: float, width: int, height: int) -> None:
        """Move the view by cells."""
        scale = self.scale(width, height)
        self.centre = (self.centre[0] + columns / scale, self.centre[1] - 2 * lines / scale)

    def follow(self, at: int, width: int, height: int) -> None:
        """Move the view so far that a point lies within it, away from its edge."""
        column, line = self.places(width, height, only=at)[0].tolist()
        self.move(_beyond(column, width), _beyond(line, height), width, height)


def _beyond(place: float, room: float) -> float:
    """How far a place is beyond the room less what is kept free at its edges."""
    kept = _KEPT * room
    return min(0.0, place - kept) + max(0.0, place - room + kept)


def bin_points(places: Floats, groups: Codes, count: int, width: int, height: int) -> Cells:
    """Bin points (N, 2), in cells, of `count` groups into `width` x `height` cells; those outside are left out."""
    at = np.floor(places * (1, 2)).astype(np.int64)
    inside = ((at >= 0) & (at < (width, 2 * height))).all(1)
    x, y = at[inside].T
    numbers = (y * width + x) * count + groups[inside]
    halves = np.bincount(numbers, minlength=2 * height * width * count).reshape(height, 2, width, count)
    whole = halves.sum(1)
    return Cells(_most(halves.reshape(2 * height, width, count)), _most(whole))


def _most(counts: Numbers) -> Numbers:
    return np.where(counts.any(-1), counts.argmax(-1), -1)


def next_point(places: Floats, at: int, across: int, down: int) -> int | None:
    """The nearest point of another cell in a direction, at most 45 degrees off it; else the nearest further off.

    Takes places in cells; None where no point lies in that direction.
    """
    away = (places - places[at]) * _SQUARE
    along = away @ (across, down)
    aside = np.abs(away @ (down, across))
    cells = np.floor(places)
    ahead = (along > 0) & (cells != cells[at]).any(1)
    for among in (ahead & (aside <= along), ahead):
        rows = np.flatnonzero(among)
        if len(rows):
            return int(rows[(along[rows] ** 2 + aside[rows] ** 2).argmin()])
    return None


def nearest_point(places: Floats, column: float, line: float) -> int:
    """The point nearest to a place, both in cells."""
    return int((((places - (column, line)) * _SQUARE) ** 2).sum(1).argmin())
