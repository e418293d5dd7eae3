"""The curves of a training run: one metric over the epochs, on the training and the validation images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.axis import log_ticks, nice_ticks, thin
from fext_tui.widgets.text import fit, format_figure, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events

    from fext_tui.widgets.axis import Points

_VALIDATION = "val_"
_LINE, _DOT = "━", "•"
_LEAST_PLOT = (24, 6)  # cells below which only the figures are shown


class LossPlot(Widget, can_focus=True):
    """Draws `metric` and `val_<metric>` of a history; `m` goes to the next metric, `l` to a logarithmic axis."""

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
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "loss-plot--title",
        "loss-plot--title-focused",
        "loss-plot--axis",
        "loss-plot--train",
        "loss-plot--validation",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "next_metric(1)", "Metric", id="loss-plot.metric"),
        Binding("M", "next_metric(-1)", "Metric before", show=False, id="loss-plot.metric-before"),
        Binding("l", "toggle_log", "Log axis", id="loss-plot.log"),
    ]

    metric: reactive[str] = reactive("loss")
    log_scale: reactive[bool] = reactive(False)

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
        self._rows: Sequence[Mapping[str, Any]] = ()
        self._version = 0
        self._lines: list[Strip] = []
        self._lines_key: tuple[object, ...] = ()

    @property
    def metrics(self) -> list[str]:
        """The metrics of the history, `loss` first; a validation series goes with its training series."""
        found: dict[str, None] = {}
        for row in (*self._rows[:1], *self._rows[-1:]):
            found |= {key.removeprefix(_VALIDATION): None for key in row if key != "epoch"}
        drawn = [name for name in found if any(self.series(name))]
        return sorted(drawn, key=lambda name: name != "loss")

    def set_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show `rows`, one an epoch: `epoch`, `loss`, `val_loss` and other metrics; unusable values are left out."""
        self._rows = list(rows)
        self._version += 1
        self.refresh()

    def series(self, metric: str) -> tuple[Points, Points]:
        """Return the finite points (epoch, value) of the training and of the validation series."""
        found: tuple[Points, Points] = ([], [])
        for index, row in enumerate(self._rows):
            epoch = _finite(row.get("epoch", index + 1))
            for points, key in zip(found, (metric, _VALIDATION + metric), strict=True):
                value = _finite(row.get(key))
                if epoch is not None and value is not None:
                    points.append((epoch, value))
        return found

    def action_next_metric(self, step: int) -> None:
        """Show the next metric of the history, or the one before."""
        names = self.metrics
        if names:
            at = names.index(self.metric) if self.metric in names else -step
            self.metric = names[(at + step) % len(names)]

    def action_toggle_log(self) -> None:
        """Switch between a linear and a logarithmic axis."""
        self.log_scale = not self.log_scale

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
        key = (width, height, self._version, self.metric, self.log_scale, self.has_focus)
        if key != self._lines_key:
            self._lines = self._draw(width, height)
            self._lines_key = key
        return self._lines[y] if y < len(self._lines) else Strip.blank(width, self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        train, validation = self.series(self.metric)
        if not train and not validation:
            words = Segment(fit(self.empty.center(width), width), self._style("axis"))
            return [*[Strip.blank(width, self.rich_style)] * ((height - 1) // 2), Strip([words], width)]
        title = self._title(train, validation, width)
        if self.log_scale:
            train, validation = ([(x, y) for x, y in points if y > 0] for points in (train, validation))
        if width < _LEAST_PLOT[0] or height <= _LEAST_PLOT[1] or not (train or validation):
            return [title]
        plot = self._plot(train, validation, width, height - 1)
        lines = [
            Strip(line.render(self.app.console)).adjust_cell_length(width).apply_style(self.rich_style)
            for line in plot.split("\n")
        ]
        return [title, *lines[: height - 1]]

    def _title(self, train: Points, validation: Points, width: int) -> Strip:
        """Return one line: metric, the last value of each series, the best validation epoch."""
        base = self._style("title-focused" if self.has_focus else "title")
        quiet = base + Style(bold=False)
        segments = [Segment(f" {printable(self.metric).replace('_', ' ')} ", base)]
        if self.log_scale:
            segments.append(Segment("(log) ", quiet))
        for label, points in (("train", train), ("validation", validation)):
            if points:
                mark = base + Style(color=self._style(label).color)
                segments.append(Segment(f" {self._mark(label)} ", mark))
                segments.append(Segment(f"{label} {format_figure(points[-1][1])} ", base))
        if len(validation) > 1 and "loss" in self.metric:
            epoch, value = min(validation, key=lambda point: point[1])
            best = f" best {format_figure(value)} at epoch {epoch:.0f}"
            room = width - sum(segment.cell_length for segment in segments)
            words = next((text for text in (best, best.replace("epoch ", "")) if len(text) <= room), "")
            segments.append(Segment(words, quiet))
        return Strip(segments).adjust_cell_length(width, base)

    def _mark(self, series: str) -> str:
        """Return what the legend shows; without colours the shape tells the series apart."""
        return _DOT if series == "validation" and self.app.no_color else _LINE

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"loss-plot--{name}")

    def _colour(self, name: str) -> Any:
        """Return a colour of the theme as plotext knows it: RGB, a number, or `default`."""
        colour = self._style(name).color
        if colour is None or colour.is_default:
            return "default"
        return tuple(colour.triplet) if colour.triplet else colour.number

    def _plot(self, train: Points, validation: Points, width: int, height: int) -> Text:
        from textual_plotext import Plot

        def place(value: float) -> float:
            return math.log10(value) if self.log_scale else value

        values = [y for _, y in train + validation]
        low, high = place(min(values)), place(max(values))
        margin = (high - low) * 0.05 or abs(high) * 0.1 or 0.5
        first, last = (f(x for x, _ in train + validation) for f in (min, max))
        plot: Any = Plot()
        plot._limit_size(False, False)  # else the size of the terminal at import is a limit
        plot.plotsize(width, height)
        plot._set_size(width, height)
        plot.canvas_color("default")
        plot.axes_color("default")
        plot.ticks_color(self._colour("axis"))
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        for label, points in (("validation", validation), ("train", train)):
            kept = thin(points, 2 * width)
            marker = "●" if len(kept) == 1 else "hd" if self._mark(label) == _LINE else _DOT
            if kept:
                draw = plot.scatter if len(kept) == 1 else plot.plot
                draw(
                    [x for x, _ in kept],
                    [place(y) for _, y in kept],
                    marker=marker,
                    color=self._colour(label),
                )
        plot.ylim(low - margin, high + margin)
        plot.xlim(first, max(last, first + 1))
        epochs = nice_ticks(first, max(last, first + 1), max(2, width // 12), whole=True)
        plot.xticks(epochs, [f"{epoch:.0f}" for epoch in epochs])
        marks = (log_ticks if self.log_scale else nice_ticks)(
            low - margin, high + margin, max(2, height // 3)
        )
        plot.yticks(marks, [format_figure(10**mark if self.log_scale else mark) for mark in marks])
        plot.xlabel("epoch")
        return Text.from_ansi(plot.build(), no_wrap=True)


def _finite(value: Any) -> float | None:
    """Return `value` as a finite float; None for anything else, such as an empty field of a table."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and abs(number) < 1e300 else None
