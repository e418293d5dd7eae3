"""A picture in half-block pixels, or several side by side, fitted to its place, with pan and zoom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.half_blocks import depth_of
from fext_tui.widgets.picture_view import GAP, Frame, Place, View, draw_view, panel_width, read_panels
from fext_tui.widgets.text import fit, printable, wrap_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    import PIL.Image
    from textual import events
    from textual.geometry import Region

    from fext_tui.widgets.half_blocks import Pixels

MAX_ZOOM = 64.0
_STEP = 1.5  # one press of + or -
_FRAME = 0.1  # seconds between two frames while a key is held or the mouse drags
_STILL = 0.25  # seconds without a move after which the picture is drawn in full


@dataclass(frozen=True)
class Drawn:
    """Pictures to show, and what they look like in the place that they had when they were drawn."""

    images: tuple[PIL.Image.Image, ...]
    titles: tuple[str, ...] = ()
    frame: Frame | None = None


class Picture(Widget, can_focus=True):
    """Shows uint8 arrays, (H, W, 3) RGB or (H, W) grey, as large as fits, their aspect kept.

    A cell is taken to be twice as high as wide. The arrows and hjkl move only in a zoomed picture; in a
    fitted one they go on to the screen, which may use them for next and previous.
    """

    DEFAULT_CSS = """
    Picture {
        width: 1fr;
        height: 1fr;
        background: $surface;
        & > .picture--caption { color: $text-muted; background: $surface; }
        & > .picture--caption-focused { color: $text; background: $primary-muted; text-style: bold; }
        &:nocolor > .picture--caption-focused { text-style: bold reverse; }
        & > .picture--title { color: $text-muted; background: $surface; }
        & > .picture--empty { color: $text-muted; background: $surface; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "picture--caption",
        "picture--caption-focused",
        "picture--title",
        "picture--empty",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", key_display="+", show=False, id="picture.zoom-in"),
        Binding("minus", "zoom(-1)", "Zoom out", key_display="-", show=False, id="picture.zoom-out"),
        Binding("0", "fit", "Fit", show=False, id="picture.fit"),
        Binding("left,h", "pan(-1, 0)", "Move left", show=False, id="picture.left"),
        Binding("right,l", "pan(1, 0)", "Move right", show=False, id="picture.right"),
        Binding("up,k", "pan(0, -1)", "Move up", show=False, id="picture.up"),
        Binding("down,j", "pan(0, 1)", "Move down", show=False, id="picture.down"),
    ]

    def __init__(
        self,
        *,
        empty: str = "No picture",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the widget; `empty` is shown while there is no picture."""
        super().__init__(name=name, id=id, classes=classes)
        self.empty = empty
        self.caption = ""
        self.titles: tuple[str, ...] = ()
        self._panels: tuple[PIL.Image.Image, ...] = ()
        self._view = View()
        self._frame: Frame | None = None
        self._moving = False
        self._painted = 0.0
        self._frame_due = False

    @property
    def zoom(self) -> float:
        """How many times larger than fitted the picture is shown; 1 is fitted."""
        return self._view.zoom

    @property
    def has_image(self) -> bool:
        """Whether a picture is shown."""
        return bool(self._panels)

    def show(self, pixels: Pixels | None, caption: str = "", *, keep_view: bool = False) -> None:
        """Show `pixels`, uint8 (H, W, 3) or (H, W); None shows the placeholder.

        `keep_view` keeps zoom and place, for the same picture in another state.
        """
        self.show_panels(() if pixels is None else (pixels,), caption, keep_view=keep_view)

    def show_panels(
        self, panels: Sequence[Pixels], caption: str, titles: Sequence[str] = (), *, keep_view: bool = False
    ) -> None:
        """Show pictures of one size side by side, each under its title; they zoom and move as one."""
        self.show_drawn(Drawn(read_panels(panels), tuple(printable(t) for t in titles)), caption, keep_view=keep_view)

    def draw_ahead(self, panels: Sequence[Pixels], titles: Sequence[str] = (), *, keep_view: bool = False) -> Drawn:
        """Draw for `show_drawn` what `show_panels` would show; in a worker thread, where it keeps no key waiting."""
        images, shown = read_panels(panels), tuple(printable(title) for title in titles)
        with self.app._context():  # styles ask for the app, which a thread does not know
            place = self._place(shown)
        if not images or place.width < 1 or place.height < 1:
            return Drawn(images, shown)
        return Drawn(images, shown, draw_view(images, replace(self._view) if keep_view else View(), place))

    def show_drawn(self, drawn: Drawn, caption: str, *, keep_view: bool = False) -> None:
        """Show pictures that are drawn, as far as they still fit; else they are drawn again."""
        self._panels, self.titles, self._frame = drawn.images, drawn.titles, drawn.frame
        self.caption = printable(caption)
        if not keep_view or not self._panels:
            self._view = View()
        self.refresh()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let keys pass that have nothing to do here: any without a picture, moves in a fitted one."""
        if action in ("zoom", "fit") and not self._panels:
            return False
        return not (action == "pan" and self._view.zoom == 1.0)

    def action_zoom(self, direction: int) -> None:
        """Zoom in (1) or out (-1) about the middle of the view."""
        self.zoom_to(self._view.zoom * _STEP**direction)

    def action_fit(self) -> None:
        """Show the whole picture again."""
        self.zoom_to(1.0)

    def action_pan(self, across: int, down: int) -> None:
        """Move the view by an eighth of itself."""
        self.move_by(across / 8, down / 8)

    def zoom_to(self, zoom: float) -> None:
        """Show the picture `zoom` times its fitted size, 1 to 64."""
        zoom = min(MAX_ZOOM, zoom)
        self._view.zoom = zoom if zoom > 1.02 else 1.0
        if self._view.zoom == 1.0:
            self._view.centre = (0.5, 0.5)
        self._view_changed()

    def move_by(self, across: float, down: float) -> None:
        """Move the view by a share of what is visible."""
        x, y = self._view.centre
        self._view.centre = (x + across / self._view.zoom, y + down / self._view.zoom)
        self._view_changed()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel zooms."""
        if self._panels:
            event.stop()
            self.action_zoom(1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel zooms."""
        if self._view.zoom > 1:
            event.stop()
            self.action_zoom(-1)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Dragging moves a zoomed picture."""
        if event.button == 1 and self._view.zoom > 1 and (event.delta_x or event.delta_y):
            event.stop()
            width, height = self.size
            self.move_by(-event.delta_x / max(1, width), -event.delta_y / max(1, height))

    def _view_changed(self) -> None:
        """Draw soon: at most ten coarse frames a second while moving, then one full one."""
        self._moving = True
        if self._frame_due:
            return
        self._frame_due = True
        wait = max(0.001, self._painted + _FRAME - monotonic())
        self.set_timer(wait, self._draw_frame)

    def _draw_frame(self) -> None:
        self._frame_due = False
        self._painted = monotonic()
        self.refresh()
        self.set_timer(_STILL, self._draw_full)

    def _draw_full(self) -> None:
        if self._moving and not self._frame_due and monotonic() - self._painted >= _STILL * 0.9:
            self._moving = False
            self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines to be painted, past Textual's cache of lines, which would take each cell of them apart."""
        background, filters = self.background_colors[1], self.get_line_filters()
        frame = self._current_frame()
        lines = [self._line(y, frame) for y in crop.line_range]
        for line_filter in filters:
            lines = [line.apply_filter(line_filter, background) for line in lines]
        return [line.crop(*crop.column_span) for line in lines]

    def render_line(self, y: int) -> Strip:
        """Return one line of the picture or of its caption."""
        return self._line(y, self._current_frame())

    def _current_frame(self) -> Frame | None:
        """Return what is seen of the pictures, drawn now unless that was done ahead; None where there are none."""
        if not self._panels or not self.size.area:
            return None
        place, moving = self._place(self.titles), self._moving and self._view.zoom > 1
        if self._frame is None or not self._frame.shows(place, self._view, moving):
            self._frame = draw_view(self._panels, self._view, place, moving=moving)
        return self._frame

    def _line(self, y: int, frame: Frame | None) -> Strip:
        width, height = self.size
        if y == height - 1 and _caption_lines(height):
            return self._caption_line(width)
        if frame is None:
            return self._empty_line(y, width, height)
        title_lines = _title_lines(height, self.titles)
        if y < title_lines:
            return self._title_line(width)
        return frame.lines[y - title_lines]

    def _place(self, titles: tuple[str, ...]) -> Place:
        """Return where pictures under `titles` are drawn."""
        width, height = self.size
        blank = Strip.blank(1, self.rich_style)
        for line_filter in self.get_line_filters():
            blank = blank.apply_filter(line_filter, self.background_colors[1])
        (cell,) = blank
        room = height - _caption_lines(height) - _title_lines(height, titles)
        return Place(width, room, depth_of(self.app), cell.style or Style.null(), self.app.no_color)

    def _title_line(self, width: int) -> Strip:
        """The titles, each over its picture."""
        each = panel_width(width, len(self.titles))
        titles = (" " * GAP).join(fit(fit(t, min(each, cell_len(t))).center(each), each) for t in self.titles)
        return Strip([Segment(fit(titles, width), self.get_component_rich_style("picture--title"))], width)

    def _caption_line(self, width: int) -> Strip:
        name = "picture--caption-focused" if self.has_focus else "picture--caption"
        hint = " +/- zoom " if self.has_focus and self._panels else " "
        right = f" ×{self._view.zoom:.3g} " if self._view.zoom > 1 else hint
        room = width - len(right)
        text = fit(" " + self.caption, room) + right if room >= 8 else fit(" " + self.caption, width)
        return Strip([Segment(text, self.get_component_rich_style(name))], width)

    def _empty_line(self, y: int, width: int, height: int) -> Strip:
        style = self.get_component_rich_style("picture--empty")
        lines = [part for line in self.empty.splitlines() for part in wrap_cells(printable(line), width)]
        row = y - (height - len(lines)) // 2
        text = fit(lines[row].center(width), width) if 0 <= row < len(lines) else " " * width
        return Strip([Segment(text, style)], width)


def _caption_lines(height: int) -> int:
    return 1 if height >= 3 else 0  # always kept, so that focus and zoom move nothing


def _title_lines(height: int, titles: tuple[str, ...]) -> int:
    return 1 if titles and height >= 4 else 0
