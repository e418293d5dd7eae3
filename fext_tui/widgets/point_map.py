"""A map of points in the terminal, coloured by what they are, with pan, zoom and a cursor from point to point."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.half_blocks import depth_of
from fext_tui.widgets.point_lines import Ink, cell_line, legend_line
from fext_tui.widgets.text import clip_cells, clip_start, fit, printable

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

    from fext_tui.latent_map import Colouring, MapPictures
    from fext_tui.widgets.point_cells import MapView

_STEP = 1.5  # one press of + or -
_PAN = 8  # a share of the room is moved over


class PointMap(Widget, can_focus=True):
    """Draws the points of `show` in half blocks, or in a sign for each group on terminals of few colours."""

    DEFAULT_CSS = """
    PointMap {
        width: 1fr;
        height: 1fr;
        background: $surface;
        color: $foreground;
        & > .point-map--legend { color: $text-muted; }
        & > .point-map--caption { color: $text-muted; }
        & > .point-map--caption-focused { color: $text; background: $primary-muted; text-style: bold; }
        & > .point-map--cursor { text-style: bold reverse; }
        &:nocolor > .point-map--caption-focused { text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "point-map--legend",
        "point-map--caption",
        "point-map--caption-focused",
        "point-map--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="map.open", tooltip="Open the picture of the point under the cursor"),
        Binding("t", "colour", "Colour", id="map.colour", tooltip="Colour the points by class, or by the run's split"),
        Binding("left,h", "toward(-1, 0)", "Left", show=False, id="map.left", tooltip="The next point to the left"),
        Binding("right,l", "toward(1, 0)", "Right", show=False, id="map.right", tooltip="The next point to the right"),
        Binding("up,k", "toward(0, -1)", "Up", show=False, id="map.up", tooltip="The next point above"),
        Binding("down,j", "toward(0, 1)", "Down", show=False, id="map.down", tooltip="The next point below"),
        Binding("shift+left", "pan(-1, 0)", "Move left", show=False, id="map.pan-left"),
        Binding("shift+right", "pan(1, 0)", "Move right", show=False, id="map.pan-right"),
        Binding("shift+up", "pan(0, -1)", "Move up", show=False, id="map.pan-up"),
        Binding("shift+down", "pan(0, 1)", "Move down", show=False, id="map.pan-down"),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", key_display="+", show=False, id="picture.zoom-in"),
        Binding("minus", "zoom(-1)", "Zoom out", key_display="-", show=False, id="picture.zoom-out"),
        Binding("0", "fit", "Fit", show=False, id="picture.fit"),
    ]  # fmt: skip

    cursor: reactive[int] = reactive(0, repaint=False)

    class Highlighted(Message):
        """The cursor came to the point of row `index`."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class Selected(Highlighted):
        """The point of row `index` was opened: Enter, or a click on the cell under the cursor."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._pictures: MapPictures | None = None
        self._view: MapView | None = None
        self._colouring = ""
        self._dragged = False

    def show(self, pictures: MapPictures, cursor: int) -> None:
        """Show a map with the cursor on the point of a row; at least one point."""
        from fext_tui.widgets.point_cells import MapView

        if pictures is not self._pictures:
            self._pictures, self._view = pictures, MapView(pictures.points)
        self.border_title = pictures.method_words
        self.set_reactive(PointMap.cursor, cursor)
        self._follow()

    @property
    def colouring(self) -> Colouring:
        """What the colours tell."""
        assert self._pictures is not None
        found = self._pictures.colourings
        return found.get(self._colouring) or next(iter(found.values()))

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor within the rows."""
        return max(0, min(cursor, self._pictures.count() - 1)) if self._pictures else 0

    def watch_cursor(self, before: int, now: int) -> None:
        """Show the point and tell of it."""
        self._follow()
        if self._pictures:
            self.post_message(self.Highlighted(now))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without points no key has anything to do here."""
        return self._pictures is not None

    def action_select(self) -> None:
        """Open the picture of the point under the cursor."""
        self.post_message(self.Selected(self.cursor))

    def action_toward(self, across: int, down: int) -> None:
        """Go to the next point in a direction."""
        from fext_tui.widgets.point_cells import next_point

        if self._view is not None and self._room[1] > 0:
            found = next_point(self._view.places(*self._room), self.cursor, across, down)
            if found is not None:
                self.cursor = found

    def action_pan(self, across: int, down: int) -> None:
        """Move the view by a part of itself."""
        width, height = self._room
        self._move(across * width / _PAN, down * height / _PAN)

    def action_zoom(self, direction: int) -> None:
        """Zoom in (1) or out (-1) about the point under the cursor."""
        if self._view is not None:
            x, y = self._view.points[self.cursor].tolist()
            self._view.zoom_by(_STEP**direction, (x, y))
            self._follow()

    def action_fit(self) -> None:
        """Show all points again."""
        if self._view is not None:
            self._view.fit()
            self.refresh()

    def action_colour(self) -> None:
        """Colour by something else."""
        assert self._pictures is not None
        names = list(self._pictures.colourings)
        self._colouring = names[(names.index(self.colouring.name) + 1) % len(names)]
        if self._pictures.no_split:
            self.notify(self._pictures.no_split, title="Only by class", severity="warning")
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel zooms about the pointer."""
        self._zoom_at(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel zooms about the pointer."""
        self._zoom_at(event, -1)

    def _zoom_at(self, event: events.MouseEvent, direction: int) -> None:
        offset = event.get_content_offset(self)
        if self._view is not None and offset is not None:
            event.stop()
            pointed = self._view.point_at(offset.x + 0.5, offset.y + 0.5, *self._room)
            self._view.zoom_by(_STEP**direction, pointed)
            self.refresh()

    def on_mouse_down(self) -> None:
        self._dragged = False

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Dragging moves the map."""
        if event.button == 1 and (event.delta_x or event.delta_y):
            event.stop()
            self._dragged = True
            self._move(-event.delta_x, -event.delta_y)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor to the nearest point, on the cursor's cell it opens the picture."""
        from fext_tui.widgets.point_cells import nearest_point

        offset = event.get_content_offset(self)
        if self._view is None or offset is None or self._dragged or offset.y >= self._room[1]:
            return
        places = self._view.places(*self._room)
        column, line = places[self.cursor].tolist()
        if (column // 1, line // 1) == (offset.x, offset.y):
            self.action_select()
        else:
            self.cursor = nearest_point(places, offset.x + 0.5, offset.y + 0.5)

    def on_resize(self) -> None:
        self._follow()

    @property
    def _room(self) -> tuple[int, int]:
        """Cells of the map itself: below it are the legend and the caption."""
        return self.size.width, max(0, self.size.height - 2)

    def _move(self, across: float, down: float) -> None:
        if self._view is not None and self._room[1] > 0:
            self._view.move(across, down, *self._room)
            self.refresh()

    def _follow(self) -> None:
        if self._view is not None and self._room[0] > 0 and self._room[1] > 0:
            self._view.follow(self.cursor, *self._room)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return a line of the map, the legend, or what the cursor is on."""
        width, height = self.size
        if self._pictures is None or self._view is None or height < 3:
            return Strip.blank(width, self.rich_style)
        if y == height - 1:
            name = "caption-focused" if self.has_focus else "caption"
            return Strip([Segment(self._caption(width), self._style(name))], width)
        if y == height - 2:
            return legend_line(self.colouring, width, self._style("legend"), self._ink)
        column, line = (int(place // 1) for place in self._view.places(*self._room, only=self.cursor)[0])
        cursor = column if line == y and 0 <= column < width else None
        return cell_line(self._view.cells(self.colouring.codes, *self._room), y, cursor, self._ink)

    def _caption(self, width: int) -> str:
        """The name of the point under the cursor and what it is, and the zoom."""
        assert self._pictures is not None and self._view is not None
        zoom = self._view.zoom
        hint = f" ×{zoom:.3g} " if zoom > 1 else " +/- zoom " if self.has_focus else " "
        label = printable(self.colouring.label(self.cursor))
        of = f" · {clip_cells(label, max(0, width // 3))}" if label else ""
        room = max(0, width - len(hint) - len(of) - 1)
        name = clip_start(printable(self._pictures.name(self.cursor) or ""), room)
        return fit(fit(f" {name}{of}", width - len(hint)) + hint, width)

    @property
    def _ink(self) -> Ink:
        """How the groups look here: by signs where there are few colours, or none."""
        ansi = self.app.native_ansi_color
        signs = self.app.no_color or depth_of(self.app) in ("16", "none")
        dark = self.app.current_theme.dark
        return Ink(self.rich_style, self._style("cursor"), dark=dark, ansi=ansi, signs=signs)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"point-map--{name}")
