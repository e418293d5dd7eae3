"""A figure in the terminal's real pixels, as large as fits; a still one, without pan and zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from fext_tui.pixels import join_panels, make_widget, show_pixels
from fext_tui.widgets.text import printable

if TYPE_CHECKING:
    from fext_tui.figure import Figure


class PixelPicture(Vertical, can_focus=True):
    """Shows the figure of `show`; only where `fext_tui.pixels` has what it needs."""

    DEFAULT_CSS = """
    PixelPicture { width: 1fr; height: 1fr; background: $surface; }
    PixelPicture > Static { dock: bottom; height: 1; padding: 0 1; color: $text-muted; }
    PixelPicture:focus > Static { color: $text; background: $primary-muted; text-style: bold; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._figure: Figure | None = None
        self._image: Widget = make_widget()

    def compose(self) -> ComposeResult:
        yield self._image
        yield Static("", markup=False)

    def show(self, figure: Figure) -> None:
        """Show the panels of a figure side by side."""
        self._figure = figure
        titles = f"{' | '.join(figure.titles)}  " if figure.titles else ""
        self.query_one("PixelPicture > Static", Static).update(printable(titles + figure.caption))
        self._draw()

    def on_resize(self) -> None:
        """Fit the figure to the new room."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size.width, self.size.height - 1
        if self._figure is not None and self._figure.panels and width > 0 and height > 0:
            show_pixels(self._image, join_panels(self._figure), width, height)
