"""A picture in half-block pixels, or several side by side, fitted to its place, with pan and zoom."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.half_blocks import depth_of
from fext_tui.widgets.picture_view import GAP, View, draw_view, panel_width
from fext_tui.widgets.text import fit, printable, wrap_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    import PIL.Image
    from textual import events

    from fext_tui.widgets.half_blocks import Pixels

MAX_ZOOM = 64.0
_STEP = 1.5  # one press of + or -
_FRAME = 0.1  # seconds between two frames while a key is held or the mouse drags
_STILL = 0.25  # seconds without a move after which the picture is drawn in full


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
        self._lines: list[Strip] = []
        self._lines_key: tuple[Any, ...] = ()
        self._version = 0
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
        self._panels = ()
        if panels and all(pixels.size for pixels in panels):
            from PIL import Image

            self._panels = tuple(Image.fromarray(pixels).convert("RGB") for pixels in panels)
        self.caption = printable(caption)
        self.titles = tuple(printable(title) for title in titles)
        self._version += 1
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

    def notify_style_update(self) -> None:
        """Forget the drawn lines when the theme changes."""
        super().notify_style_update()
        self._lines_key = ()

    def render_line(self, y: int) -> Strip:
        """Return one line of the picture or of its caption."""
        width, height = self.size
        caption_lines = 1 if height >= 3 else 0  # always kept, so that focus and zoom move nothing
        if caption_lines and y == height - 1:
            return self._caption_line(width)
        if not self._panels:
            return self._empty_line(y, width, height)
        title_lines = 1 if self.titles and height >= 4 else 0
        if y < title_lines:
            return self._title_line(width)
        depth, room = depth_of(self.app), height - caption_lines - title_lines
        moving = self._moving and self._view.zoom > 1
        key = (width, room, self._version, self._view.zoom, self._view.centre, depth, moving)
        if key != self._lines_key:
            self._lines = draw_view(
                self._panels, self._view, (width, room), depth, self.rich_style,
                moving=moving, grey=self.app.no_color,
            )  # fmt: skip
            self._lines_key = (*key[:4], self._view.centre, *key[5:])  # the view has been kept inside
        return self._lines[y - title_lines]

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
