"""Points on a cell grid: the part that is seen, the dots of each cell and whose they are, the next in a direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Numbers = npt.NDArray[np.int64]

DOTS = (2, 4)
"""Dots of a cell across and down, as in Braille; a cell is twice as high as wide, so they are square."""

MAX_ZOOM = 1000.0
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_MARGIN = 0.04  # of the room, left free around all points
_KEPT = 0.1  # of the room, that the cursor keeps from the edge


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
        """Dots that a unit of the plane takes in `width` x `height` cells."""
        room = (1 - 2 * _MARGIN) * width * DOTS[0], (1 - 2 * _MARGIN) * height * DOTS[1]
        return float(min(room[0] / self._span[0], room[1] / self._span[1]) * self.zoom)

    def dots(self, width: int, height: int) -> Floats:
        """Where each point lies, (N, 2) in dots from the upper left corner; also outside of the view."""
        return self.dots_of(self.points, width, height)

    def dots_of(self, points: Floats, width: int, height: int) -> Floats:
        """Where some points (n, 2) lie, in dots."""
        scale = self.scale(width, height)
        x, y = self.centre
        middle = width * DOTS[0] / 2 - x * scale, height * DOTS[1] / 2 + y * scale
        return np.asarray(points * (scale, -scale) + middle)

    def place_of(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """The place in the plane of a dot."""
        scale = self.scale(width, height)
        return (
            self.centre[0] + (x - width * DOTS[0] / 2) / scale,
            self.centre[1] - (y - height * DOTS[1] / 2) / scale,
        )

    def cells(self, groups: npt.NDArray[np.uint8], width: int, height: int) -> Cells:
        """What each cell shows of the points, which are of these groups; binned anew when something changed."""
        look = (id(groups), width, height, self.zoom, self.centre)
        if self._cells is None or look != self._cells_of:
            self._cells = bin_points(self.dots(width, height), groups, int(groups.max()) + 1, width, height)
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

    def move(self, across: float, down: float, width: int, height: int) -> None:
        """Move the view by dots."""
        scale = self.scale(width, height)
        self.centre = (self.centre[0] + across / scale, self.centre[1] - down / scale)

    def follow(self, at: int, width: int, height: int) -> None:
        """Move the view so far that a point lies within it, away from its edge."""
        x, y = self.dots_of(self.points[at : at + 1], width, height)[0].tolist()
        self.move(_beyond(x, width * DOTS[0]), _beyond(y, height * DOTS[1]), width, height)


def _beyond(place: float, room: float) -> float:
    """How far a place is beyond the room less what is kept free at its edges."""
    kept = _KEPT * room
    return min(0.0, place - kept) + max(0.0, place - room + kept)


class Cells(NamedTuple):
    """What each cell of a map shows, (H, W) each."""

    braille: npt.NDArray[np.int32]
    """The code of its character; 0 where no point is."""
    group: Numbers
    """The group that most of its points are of."""
    points: Numbers
    """How many it has."""


def bin_points(dots: Floats, groups: npt.NDArray[np.uint8], count: int, width: int, height: int) -> Cells:
    """Bin points (N, 2), in dots, of `count` groups into `width` x `height` cells; those outside are left out."""
    place = np.floor(dots).astype(np.int64)
    inside = ((place >= 0) & (place < (width * DOTS[0], height * DOTS[1]))).all(1)
    x, y = place[inside].T
    seen = np.zeros((height, DOTS[1], width, DOTS[0]), np.int32)
    seen[y // DOTS[1], y % DOTS[1], x // DOTS[0], x % DOTS[0]] = 1
    dotted = (seen * np.array(_BRAILLE, np.int32)[None, :, None, :]).sum((1, 3))
    cells = (y // DOTS[1] * width + x // DOTS[0]) * count + groups[inside]
    of_groups = np.bincount(cells, minlength=width * height * count).reshape(height, width, count)
    braille = np.where(dotted > 0, 0x2800 + dotted, 0).astype(np.int32)
    return Cells(braille, of_groups.argmax(2), of_groups.sum(2))


def next_point(dots: Floats, at: int, across: int, down: int) -> int | None:
    """The nearest point of another cell in a direction, at most 45 degrees off it; else the nearest further off.

    None where no point lies in that direction.
    """
    away = dots - dots[at]
    along = away @ (across, down)
    aside = np.abs(away @ (down, across))
    cells = np.floor(dots / DOTS)
    ahead = (along > 0) & (cells != cells[at]).any(1)
    for among in (ahead & (aside <= along), ahead):
        rows = np.flatnonzero(among)
        if len(rows):
            return int(rows[(along[rows] ** 2 + aside[rows] ** 2).argmin()])
    return None


def nearest_point(dots: Floats, x: float, y: float) -> int:
    """The point nearest to a place in dots."""
    return int(((dots - (x, y)) ** 2).sum(1).argmin())
