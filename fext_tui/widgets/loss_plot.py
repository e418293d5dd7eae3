"""The curves of a training run: one metric over the epochs, on the training and the validation images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.widget import Widget

from fext_tui.widgets.text import fit, format_figure, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events

    Points = list[tuple[float, float]]

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
        & > .loss-plot--title { text-style: bold; color: $text; }
        & > .loss-plot--title-focused { text-style: bold; color: $text; background: $primary-muted; }
        & > .loss-plot--axis { color: $text-muted; }
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

    def render(self) -> Text:
        """Return the title with the latest figures, and below it the plot."""
        width, height = self.size
        train, validation = self.series(self.metric)
        if not train and not validation:
            return self._empty_text(width, height)
        text = self._title(train, validation, width)
        if self.log_scale:
            train, validation = ([(x, y) for x, y in points if y > 0] for points in (train, validation))
        if width >= _LEAST_PLOT[0] and height > _LEAST_PLOT[1] and (train or validation):
            text.append("\n").append_text(self._plot(train, validation, width, height - 1))
        text.no_wrap = True
        return text

    def _empty_text(self, width: int, height: int) -> Text:
        style = self.get_component_rich_style("loss-plot--axis", partial=True)
        return Text("\n" * ((height - 1) // 2) + fit(self.empty.center(width), width), style, no_wrap=True)

    def _title(self, train: Points, validation: Points, width: int) -> Text:
        """Return one line: metric, the last value of each series, the best validation epoch."""
        name = "loss-plot--title-focused" if self.has_focus else "loss-plot--title"
        style = self.get_component_rich_style(name, partial=True)
        text = Text(f" {printable(self.metric).replace('_', ' ')} ", style, no_wrap=True)
        if self.log_scale:
            text.append("(log) ", self.get_component_rich_style("loss-plot--axis", partial=True))
        for label, points in (("train", train), ("validation", validation)):
            if points:
                text.append(f" {self._mark(label)} ", self._style(label))
                text.append(f"{label} {format_figure(points[-1][1])} ")
        if len(validation) > 1 and "loss" in self.metric:
            epoch, value = min(validation, key=lambda point: point[1])
            text.append(f"  best {format_figure(value)} at epoch {epoch:.0f}", "not bold")
        text.truncate(width, overflow="ellipsis", pad=True)
        return text

    def _mark(self, series: str) -> str:
        """Return what the legend shows; without colours the shape tells the series apart."""
        return _DOT if series == "validation" and self.app.no_color else _LINE

    def _style(self, series: str) -> Any:
        return self.get_component_rich_style(f"loss-plot--{series}", partial=True)

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


def thin(points: Points, most: int) -> Points:
    """Return at most `most` of `points`, evenly chosen, the first and the last among them."""
    if len(points) <= most or most < 2:
        return points
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def nice_ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Return at most about `most` round values within low..high; whole numbers only where `whole`."""
    rough = (high - low) / max(1, most)
    power = 10 ** math.floor(math.log10(rough))
    step = next((power * m for m in (1, 2, 2.5, 5) if power * m >= rough * 0.999), power * 10)
    if whole:
        step = max(1, math.ceil(step))
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return the places (log10) of 1, 2, 5 times powers of ten within low..high, or evenly where these are few."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1,)):
        marks = [d + math.log10(m) for d in decades for m in factors if low <= d + math.log10(m) <= high]
        if 2 <= len(marks) <= 2 * most:
            return marks
    return [low + (high - low) * i / most for i in range(most + 1)]
