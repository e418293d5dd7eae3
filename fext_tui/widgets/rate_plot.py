"""The curve of a learning-rate test: the smoothed loss over the rate, with the suggestion."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.widget import Widget

from fext_tui.widgets.axis import Points
from fext_tui.widgets.curve_plot import Colour, Curve, draw_curves, plot_colour

_LEAST_PLOT = (24, 5)  # cells below which nothing is drawn


class RatePlot(Widget):
    """Draws (rate, loss) points over a logarithmic axis, and a line across at the suggested rate."""

    DEFAULT_CSS = """
    RatePlot {
        height: 1fr;
        & > .rate-plot--axis { color: $text-muted; }
        & > .rate-plot--loss { color: $primary; }
        & > .rate-plot--suggested { color: $warning; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rate-plot--axis", "rate-plot--loss", "rate-plot--suggested"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._points: Points = []
        self._suggested: float | None = None

    def set_curve(self, points: Points, suggested: float | None = None) -> None:
        """Show `points`, rates and losses above zero."""
        if (points, suggested) != (self._points, self._suggested):
            self._points, self._suggested = points, suggested
            self.refresh()

    def render(self) -> Text:
        """Return the plot; two points make a curve."""
        width, height = self.size
        if len(self._points) < 2 or width < _LEAST_PLOT[0] or height < _LEAST_PLOT[1]:
            return Text()
        points = _worth_drawing(self._points)
        curves = [Curve(points, self._colour("loss"), self._marker("hd", "•"))]
        if self._suggested is not None:
            losses = [loss for _, loss in points]
            across = [(self._suggested, min(losses)), (self._suggested, max(losses))]
            curves.insert(0, Curve(across, self._colour("suggested"), self._marker("│", "|")))
        title = "learning rate of AdamW"
        return draw_curves(curves, (width, height), False, title, self._colour("axis"), log_x=True)

    def _marker(self, coloured: str, plain: str) -> str:
        """Without colours the shapes tell the lines apart."""
        return plain if self.app.no_color else coloured

    def _colour(self, name: str) -> Colour:
        return plot_colour(self.get_component_rich_style(f"rate-plot--{name}"))


def _worth_drawing(points: Points) -> Points:
    """The curve up to where it rises out of sight: its end would press all else flat."""
    losses = [loss for _, loss in points]
    low = losses.index(min(losses))
    highest = 1.2 * max(losses[: low + 1])
    end = next((at for at in range(low, len(points)) if losses[at] > highest), len(points))
    return points[:end]
