"""The curves of a run, and of one beside it: a metric over the epochs, on training and validation images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.curve_plot import Curve, draw_curves, plot_colour
from fext_tui.widgets.curves import RunCurves, first_epoch, metric_names
from fext_tui.widgets.text import clip_cells, fit, format_figure, printable

if TYPE_CHECKING:
    from textual import events

    from fext_tui.widgets.axis import Points
    from fext_tui.widgets.curve_plot import Colour
    from fext_tui.widgets.curves import History

ZOOMS = (1.0, 0.5, 0.2)  # shares of the epochs, the last ones
_LINE = "━"
_WITHOUT_COLOUR = {"train": _LINE, "validation": "•", "other-train": "+", "other-validation": "x"}
_LEAST_PLOT = (24, 6)  # cells below which only the figures are shown


class LossPlot(Widget, can_focus=True):
    """Draws `metric` and `val_<metric>` of a history, and those of a second one in other colours."""

    DEFAULT_CSS = """
    LossPlot {
        width: 1fr;
        height: 1fr;
        background: $surface;
        & > .loss-plot--title { text-style: bold; color: $text; background: $panel; }
        & > .loss-plot--title-focused { text-style: bold; color: $text; background: $primary-muted; }
        &:nocolor > .loss-plot--title-focused { text-style: bold reverse; }
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
        self._run = RunCurves()
        self._other = RunCurves()
        self._other_name = ""
        self._version = 0
        self._drawing = False
        self._lines: list[Strip] = []
        self._lines_look: tuple[object, ...] = ()
        self._lines_version = 0

    class Drawn(Message):
        """A worker has drawn what came in last."""

        def __init__(self, look: tuple[object, ...], version: int, lines: list[Strip]) -> None:
            super().__init__()
            self.look = look
            self.version = version
            self.lines = lines

    @property
    def metrics(self) -> list[str]:
        """The metrics of the history, `loss` first; a validation series goes with its training series."""
        return metric_names(self._run.history)

    def set_history(self, rows: History) -> None:
        """Show `rows`, one an epoch: `epoch`, `loss`, `val_loss` and other metrics; unusable values are left out."""
        if list(rows) != self._run.history:
            if not self._run.history:
                self._lines_look = ()  # words stand there, which are to go at once
            self._run = RunCurves(rows)
            self._draw_new()

    def set_other(self, name: str, rows: History) -> None:
        """Lay the curves of a second run, called `name`, over those of the first; no rows take them away."""
        if (name, list(rows)) != (self._other_name, self._other.history):
            self._other_name, self._other = name, RunCurves(rows)
            self._draw_new()

    def series(self, metric: str) -> tuple[Points, Points]:
        """Return the finite points (epoch, value) of the training and of the validation series."""
        return self._run.points(metric)

    def _draw_new(self) -> None:
        """Draw curves that came in, in a worker: until it has done so the lines before stay, and no key waits."""
        self._version += 1
        if self._lines_look != self._look():  # nothing stands there yet, or it is drawn anew in any case
            self.refresh()
        elif not self._drawing:
            self._drawing = True
            self._draw_ahead(self._lines_look, self._version)

    @work(thread=True, exit_on_error=False)
    def _draw_ahead(self, look: tuple[object, ...], version: int) -> None:
        lines: list[Strip] = []
        try:
            with self.app._context():  # styles ask for the app, which a thread does not know
                lines = self._draw(*self.size)
        finally:
            self.post_message(self.Drawn(look, version, lines))

    @on(Drawn)
    def _show_drawn(self, message: Drawn) -> None:
        """Show the lines, unless they are to look different by now; draw again what came in meanwhile."""
        message.stop()
        self._drawing = False
        if message.lines and message.look == self._look() and message.version > self._lines_version:
            self._lines, self._lines_version = message.lines, message.version
            self.refresh()
            if message.version != self._version:
                self._drawing = True
                self._draw_ahead(message.look, self._version)

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
        self._lines_look = ()

    def _look(self) -> tuple[object, ...]:
        """What the lines depend on beside the curves."""
        return (*self.size, self.has_focus, self.metric, self.log_scale, self.smoothed, self.zoom)

    def render_line(self, y: int) -> Strip:
        """Return a line of the title with the latest figures, or of the plot below it."""
        width, height = self.size
        if (look := self._look()) != self._lines_look:
            self._lines = self._draw(width, height)
            self._lines_look, self._lines_version = look, self._version
        return self._lines[y] if y < len(self._lines) else Strip.blank(width, self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        pair, other = self._run.points(self.metric), self._other.points(self.metric)
        if not any(pair):
            words = Segment(fit(self.empty.center(width), width), self._style("axis"))
            return [*[Strip.blank(width, self.rich_style)] * ((height - 1) // 2), Strip([words], width)]
        titles = [self._title(pair, width)]
        if any(other):
            titles.append(self._other_title(other, width))
        rows = height - len(titles)
        curves = self._curves()
        if width < _LEAST_PLOT[0] or rows < _LEAST_PLOT[1] or not curves:
            return titles
        x_title = "epoch" if self.zoom == 1 else f"epoch, the last {round(100 * self.zoom)} %"
        plot = draw_curves(curves, (width, rows), self.log_scale, x_title, self._colour("axis"))
        lines = [
            Strip(line.render(self.app.console)).adjust_cell_length(width).apply_style(self.rich_style)
            for line in plot.split("\n")
        ]
        return [*titles, *lines[:rows]]

    def _curves(self) -> list[Curve]:
        """Return what there is to draw in the axes' range, what is to lie on top last."""
        metric = self.metric
        first = first_epoch([points for points in self._run.points(metric) if points], self.zoom)
        faint, solid = [], []
        for prefix, run in (("other-", self._other), ("", self._run)):
            plain, drawn = run.points(metric), (run.smoothed if self.smoothed else run.points)(metric)
            for place, name in ((1, "validation"), (0, "train")):
                style = prefix + name
                behind = self._faint_colour(style)
                if self.smoothed and behind is not None:
                    faint.append(Curve(self._visible(plain[place], first), behind, self._marker(style)))
                solid.append(Curve(self._visible(drawn[place], first), self._colour(style), self._marker(style)))
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

    def _marker(self, name: str) -> str:
        """Return what the curve is drawn with; `hd` are quarters of a cell."""
        return "hd" if self._mark(name) == _LINE else self._mark(name)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"loss-plot--{name}")

    def _colour(self, name: str) -> Colour:
        return plot_colour(self._style(name))

    def _faint_colour(self, name: str) -> Colour | None:
        """Return the colour mixed with the background, None where the terminal mixes none."""
        style = self._style(name)
        colour, back = style.color, style.bgcolor
        if self.app.no_color or not (colour and colour.triplet and back and back.triplet):
            return None
        return tuple(round(0.4 * c + 0.6 * b) for c, b in zip(colour.triplet, back.triplet, strict=True))
