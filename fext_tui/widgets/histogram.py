"""The distribution of one statistic, or of the pixel values of each channel, in block characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.text import fit, format_figure, printable

if TYPE_CHECKING:
    from rich.style import Style

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SERIES = ("first", "second", "third")
_STYLES = {1: ("only",), 2: ("only", "other"), 3: _SERIES}  # two are training and validation, as in the curves


class Histogram(Widget):
    """Shows counts over bins: a title with the number of values, bars, and an axis with least, median, greatest."""

    DEFAULT_CSS = """
    Histogram {
        width: 1fr;
        height: 1fr;
        min-height: 4;
        background: $surface;
        & > .histogram--title { color: $text; text-style: bold; }
        & > .histogram--quiet { color: $text-muted; }
        & > .histogram--only { color: $primary; }
        & > .histogram--other { color: $warning; }
        & > .histogram--first { color: $error; }
        & > .histogram--second { color: $success; }
        & > .histogram--third { color: $primary; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "histogram--title",
        "histogram--quiet",
        "histogram--only",
        "histogram--other",
        *(f"histogram--{series}" for series in _SERIES),
    }

    def __init__(
        self,
        *,
        empty: str = "Nothing measured yet",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the widget; `empty` is shown while there are no counts."""
        super().__init__(name=name, id=id, classes=classes)
        self.empty = empty
        self._title = ""
        self._unit = ""
        self._edges: list[float] = []
        self._series: dict[str, list[float]] = {}

    def show(
        self, counts: Sequence[float], edges: Sequence[float], *, title: str = "", unit: str = ""
    ) -> None:
        """Show `counts`, one a bin, over `edges`, one more than counts, ascending: what numpy.histogram returns."""
        self.show_channels({"": counts}, edges, title=title, unit=unit)

    def show_channels(
        self,
        channels: Mapping[str, Sequence[float]],
        edges: Sequence[float],
        *,
        title: str = "",
        unit: str = "",
    ) -> None:
        """Show up to three histograms over the same bins, one below the other; no counts show the placeholder.

        Raises ValueError when the counts and the edges do not go together.
        """
        if any(len(counts) != len(edges) - 1 for counts in channels.values() if len(counts)):
            raise ValueError("a histogram has one edge more than counts")
        self._title, self._unit = printable(title), printable(unit)
        self._edges = [float(edge) for edge in edges]
        filled = {name: [float(c) for c in counts] for name, counts in channels.items() if sum(counts) > 0}
        self._series = dict(list(filled.items())[: len(_SERIES)])
        self.refresh()

    def clear(self) -> None:
        """Show the placeholder."""
        self._series = {}
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the title, a line of bars, or the axis."""
        width, height = self.size
        if not self._series:
            text = self.empty.center(width) if y == height // 2 else ""
            return self._line(printable(text), "quiet")
        if y == 0:
            return self._title_line(width)
        if y == height - 1:
            return self._line(self._axis(width), "quiet")
        lines = max(1, (height - 2) // len(self._series))
        index, row = divmod(y - 1, lines)
        if index >= len(self._series):
            return self._line("", "quiet")
        name, counts = list(self._series.items())[index]
        style = _STYLES[len(self._series)][index]
        line = self._line(self._bars(counts, width - 2, lines, lines - 1 - row), style)
        if name and row == 0:
            label = Segment(fit(f" {printable(name)} ", min(len(name) + 2, width)), self._style("quiet"))
            line = Strip([label, *line.crop(label.cell_length, width)], width)
        return line

    def _bars(self, counts: list[float], cells: int, lines: int, row: int) -> str:
        """Return line `row`, counted from the bottom, of bars `lines` high."""
        shares = rebin(counts, cells)
        top = max(shares, default=0) or 1
        heights = [max(1, round(share / top * lines * 8)) if share > 0 else 0 for share in shares]
        return " " + "".join(_EIGHTHS[max(0, min(8, height - row * 8))] for height in heights)

    def _title_line(self, width: int) -> Strip:
        count = max(sum(counts) for counts in self._series.values())
        unit = f" {self._unit}" if self._unit else ""
        title = Segment(f" {self._title}{unit} ", self._style("title"))
        number = Segment(f" n = {format_figure(count)}", self._style("quiet"))
        return Strip([title, number]).adjust_cell_length(width, self.rich_style)

    def _axis(self, width: int) -> str:
        """Return least, median and greatest value; the median only where there is one series and room."""
        low, high = format_figure(self._edges[0]), format_figure(self._edges[-1])
        middle = ""
        if len(self._series) == 1:
            middle = f"median {format_figure(median_of(next(iter(self._series.values())), self._edges))}"
        room = width - 2 - len(low) - len(high)
        if room < len(middle) + 2:
            middle = ""
        return f" {low}{middle.center(max(1, room))}{high}"

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"histogram--{name}")

    def _line(self, text: str, style: str) -> Strip:
        return Strip([Segment(fit(text, self.size.width), self._style(style))], self.size.width)


def rebin(counts: Sequence[float], cells: int) -> list[float]:
    """Return the height in each of `cells` columns for bins of equal width: bins are averaged or repeated."""
    bins = len(counts)
    if cells <= 0 or not bins:
        return []
    if bins <= cells:
        return [counts[column * bins // cells] for column in range(cells)]
    found = []
    for column in range(cells):
        first, last = column * bins // cells, max(column * bins // cells + 1, (column + 1) * bins // cells)
        found.append(sum(counts[first:last]) / (last - first))
    return found


def median_of(counts: Sequence[float], edges: Sequence[float]) -> float:
    """Return the median of binned values, by a line within its bin."""
    half = sum(counts) / 2
    before = 0.0
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        if count > 0 and before + count >= half:
            return low + (high - low) * (half - before) / count
        before += count
    return edges[-1]
