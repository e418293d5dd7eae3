"""The curves of a run, and of one beside it: a metric over the epochs, on training and validation images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.axis import log_ticks, nice_ticks, thin
from fext_tui.widgets.curves import first_epoch, metric_names, series, smooth
from fext_tui.widgets.text import clip_cells, fit, format_figure, printable

if TYPE_CHECKING:
    from textual import events

    from fext_tui.widgets.axis import Points
    from fext_tui.widgets.curves import History

SMOOTHING = 0.6
ZOOMS = (1.0, 0.5, 0.2)  # shares of the epochs, the last ones
_LINE = "━"
_WITHOUT_COLOUR = {"train": _LINE, "validation": "•", "other-train": "+", "other-validation": "x"}
_LEAST_PLOT = (24, 6)  # cells below which only the figures are shown


@dataclass(frozen=True)
class _Curve:
    """Points to draw in the colour of `style`; `faint` ones lie behind their smoothed selves."""

    style: str
    points: Points
    faint: bool = False


class LossPlot(Widget, can_focus=True):
    """Draws `metric` and `val_<metric>` of a history, and those of a second one in other colours."""

    DEFAULT_CSS = """
    LossPlot {
        width: 1fr;
        height: 1fr;
        background: $surface;
        & > .loss-plot--title { text-style: bold; color: $text; background: $panel; }
        & > .loss-plot--title-focused { text-style: bold; color: $text; background: $primary-muted; }
        & > .loss-plot--axis { color: $text-muted; background: $surface; }
        & > .loss-plot--train { color: $primary; }
        & > .loss-plot--validation { color: $warning; }
        & > .loss-plot--other-train { color: $success; }
        & > .loss-plot--other-validation { color: $text-error; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "loss-plot--title",
        "loss-plot--title-focused",
        "loss-plot--axis",
        "loss-plot--train",
        "loss-plot--validation",
        "loss-plot--other-train",
        "loss-plot--other-validation",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "next_metric(1)", "Metric", id="loss-plot.metric"),
        Binding("M", "next_metric(-1)", "Metric before", show=False, id="loss-plot.metric-before"),
        Binding("l", "toggle_log", "Log axis", id="loss-plot.log"),
        Binding("S", "toggle_smoothing", "Smooth", show=False, id="loss-plot.smooth"),
        Binding("z", "next_zoom", "Zoom", show=False, id="loss-plot.zoom"),
    ]

    metric: reactive[str] = reactive("loss")
    log_scale: reactive[bool] = reactive(False)
    smoothed: reactive[bool] = reactive(False)
    zoom: reactive[float] = reactive(ZOOMS[0])

    def __init__(
        self,
        *,
        empty: str = "No epochs yet",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the plot; `empty` is shown while the history holds no value of the metric."""
        super().__init__(name=name, id=id, classes=classes)
        self.empty = empty
        self._rows: History = []
        self._other: History = []
        self._other_name = ""
        self._version = 0
        self._lines: list[Strip] = []
        self._lines_key: tuple[object, ...] = ()

    @property
    def metrics(self) -> list[str]:
        """The metrics of the history, `loss` first; a validation series goes with its training series."""
        return metric_names(self._rows)

    def set_history(self, rows: History) -> None:
        """Show `rows`, one an epoch: `epoch`, `loss`, `val_loss` and other metrics; unusable values are left out."""
        if list(rows) != self._rows:
            self._rows = list(rows)
            self._version += 1
            self.refresh()

    def set_other(self, name: str, rows: History) -> None:
        """Lay the curves of a second run, called `name`, over those of the first; no rows take them away."""
        if (name, list(rows)) != (self._other_name, self._other):
            self._other_name, self._other = name, list(rows)
            self._version += 1
            self.refresh()

    def series(self, metric: str) -> tuple[Points, Points]:
        """Return the finite points (epoch, value) of the training and of the validation series."""
        return series(self._rows, metric)

    def action_next_metric(self, step: int) -> None:
        """Show the next metric of the history, or the one before."""
        names = self.metrics
        if names:
            at = names.index(self.metric) if self.metric in names else -step
            self.metric = names[(at + step) % len(names)]

    def action_toggle_log(self) -> None:
        """Switch between a linear and a logarithmic axis."""
        self.log_scale = not self.log_scale

    def action_toggle_smoothing(self) -> None:
        """Smooth the curves, or draw them as they are."""
        self.smoothed = not self.smoothed

    def action_next_zoom(self) -> None:
        """Show all epochs, the last half, or the last fifth."""
        self.zoom = ZOOMS[(ZOOMS.index(self.zoom) + 1) % len(ZOOMS)]

    def on_click(self, event: events.Click) -> None:
        """A click on the title goes to the next metric."""
        if event.y == 0:
            self.action_next_metric(1)

    def notify_style_update(self) -> None:
        """Draw again in the colours of another theme."""
        super().notify_style_update()
        self._lines_key = ()

    def render_line(self, y: int) -> Strip:
        """Return a line of the title with the latest figures, or of the plot below it."""
        width, height = self.size
        drawn = (self.metric, self.log_scale, self.smoothed, self.zoom)
        key = (width, height, self._version, self.has_focus, *drawn)
        if key != self._lines_key:
            self._lines = self._draw(width, height)
            self._lines_key = key
        return self._lines[y] if y < len(self._lines) else Strip.blank(width, self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        pair, other = self.series(self.metric), series(self._other, self.metric)
        if not any(pair):
            words = Segment(fit(self.empty.center(width), width), self._style("axis"))
            return [*[Strip.blank(width, self.rich_style)] * ((height - 1) // 2), Strip([words], width)]
        titles = [self._title(pair, width)]
        if any(other):
            titles.append(self._other_title(other, width))
        rows = height - len(titles)
        curves = self._curves(pair, other)
        if width < _LEAST_PLOT[0] or rows < _LEAST_PLOT[1] or not curves:
            return titles
        lines = [
            Strip(line.render(self.app.console)).adjust_cell_length(width).apply_style(self.rich_style)
            for line in self._plot(curves, width, rows).split("\n")
        ]
        return [*titles, *lines[:rows]]

    def _curves(self, pair: tuple[Points, Points], other: tuple[Points, Points]) -> list[_Curve]:
        """Return what can be drawn in the axis' range, those that are to lie on top last."""
        first = first_epoch([points for points in pair if points], self.zoom)
        faint, solid = [], []
        for prefix, (train, validation) in (("other-", other), ("", pair)):
            for name, points in (("validation", validation), ("train", train)):
                drawn = smooth(points, SMOOTHING) if self.smoothed else points
                if drawn is not points:
                    faint.append(_Curve(prefix + name, self._visible(points, first), faint=True))
                solid.append(_Curve(prefix + name, self._visible(drawn, first)))
        return [curve for curve in faint + solid if curve.points]

    def _visible(self, points: Points, first: float) -> Points:
        return [(x, y) for x, y in points if x >= first and (y > 0 or not self.log_scale)]

    def _title(self, pair: tuple[Points, Points], width: int) -> Strip:
        """Return one line: metric, the last value of each series, the best validation epoch."""
        base = self._style("title-focused" if self.has_focus else "title")
        segments = [Segment(f" {printable(self.metric).replace('_', ' ')} ", base)]
        how = [word for word, used in (("log", self.log_scale), ("smoothed", self.smoothed)) if used]
        if how:
            segments.append(Segment(f"({', '.join(how)}) ", base + Style(bold=False)))
        return self._legend(segments, pair, ("train", "validation"), width, base)

    def _other_title(self, pair: tuple[Points, Points], width: int) -> Strip:
        base = self._style("title-focused" if self.has_focus else "title") + Style(bold=False)
        name = clip_cells(printable(self._other_name), max(8, width - 40))
        segments = [Segment(f" {name} ", base)]
        return self._legend(segments, pair, ("other-train", "other-validation"), width, base)

    def _legend(
        self,
        segments: list[Segment],
        pair: tuple[Points, Points],
        styles: tuple[str, str],
        width: int,
        base: Style,
    ) -> Strip:
        """Return the line that begins with `segments`: the colour and last value of each series, the best epoch."""
        for name, points in zip(styles, pair, strict=True):
            if points:
                mark = base + Style(color=self._style(name).color)
                segments.append(Segment(f" {self._mark(name)} ", mark))
                label = name.removeprefix("other-")
                segments.append(Segment(f"{label} {format_figure(points[-1][1])} ", base))
        validation = pair[1]
        if len(validation) > 1 and "loss" in self.metric:
            epoch, value = min(validation, key=lambda point: point[1])
            best = f" best {format_figure(value)} at epoch {epoch:.0f}"
            room = width - sum(segment.cell_length for segment in segments)
            words = next((text for text in (best, best.replace("epoch ", "")) if len(text) <= room), "")
            segments.append(Segment(words, base + Style(bold=False)))
        return Strip(segments).adjust_cell_length(width, base)

    def _mark(self, name: str) -> str:
        """Return what the legend shows; without colours the shape tells the series apart."""
        return _WITHOUT_COLOUR[name] if self.app.no_color else _LINE

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"loss-plot--{name}")

    def _colour(self, name: str, *, faint: bool = False) -> Any:
        """Return a colour of the theme as plotext knows it: RGB, a number, or `default`; None if none is faint."""
        style = self._style(name)
        colour, back = style.color, style.bgcolor
        if faint:
            if self.app.no_color or not (colour and colour.triplet and back and back.triplet):
                return None
            return tuple(round(0.4 * c + 0.6 * b) for c, b in zip(colour.triplet, back.triplet, strict=True))
        if colour is None or colour.is_default:
            return "default"
        return tuple(colour.triplet) if colour.triplet else colour.number

    def _plot(self, curves: list[_Curve], width: int, height: int) -> Text:
        from textual_plotext import Plot

        def place(value: float) -> float:
            return math.log10(value) if self.log_scale else value

        values = [y for curve in curves for _, y in curve.points]
        low, high = place(min(values)), place(max(values))
        margin = (high - low) * 0.05 or abs(high) * 0.1 or 0.5
        first, last = (f(x for curve in curves for x, _ in curve.points) for f in (min, max))
        plot: Any = Plot()
        plot._limit_size(False, False)  # else the size of the terminal at import is a limit
        plot.plotsize(width, height)
        plot._set_size(width, height)
        plot.canvas_color("default")
        plot.axes_color("default")
        plot.ticks_color(self._colour("axis"))
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        for curve in curves:
            colour = self._colour(curve.style, faint=curve.faint)
            if colour is None:
                continue
            kept = thin(curve.points, 2 * width)
            mark = self._mark(curve.style)
            marker = "●" if len(kept) == 1 else "hd" if mark == _LINE else mark
            draw = plot.scatter if len(kept) == 1 else plot.plot
            draw([x for x, _ in kept], [place(y) for _, y in kept], marker=marker, color=colour)
        plot.ylim(low - margin, high + margin)
        plot.xlim(first, max(last, first + 1))
        epochs = nice_ticks(first, max(last, first + 1), max(2, width // 12), whole=True)
        plot.xticks(epochs, [f"{epoch:.0f}" for epoch in epochs])
        marks = (log_ticks if self.log_scale else nice_ticks)(
            low - margin, high + margin, max(2, height // 3)
        )
        plot.yticks(marks, [format_figure(10**mark if self.log_scale else mark) for mark in marks])
        plot.xlabel("epoch" if self.zoom == 1 else f"epoch, the last {self.zoom:.0%}".replace("%", " %"))
        return Text.from_ansi(plot.build(), no_wrap=True)
