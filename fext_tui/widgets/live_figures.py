"""The figures of a training while it runs: epoch, learning rate, speed, and what it takes of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.text import fit, format_bytes, format_duration, format_figure, format_rate, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events

    from fext_tui.following import JobSnapshot

_GAP = 3


class LiveFigures(Widget):
    """As many lines as the figures need; without a training it takes no room."""

    DEFAULT_CSS = """
    LiveFigures {
        height: 1;
        width: 1fr;
        padding: 0 1;
        display: none;
        color: $foreground;
        & > .live-figures--name { color: $text-muted; }
        & > .live-figures--value { color: $text; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"live-figures--name", "live-figures--value"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._figures: list[tuple[str, str]] = []
        self._lines: list[list[tuple[str, str]]] = []

    def show(self, jobs: Sequence[JobSnapshot], run: str | None) -> None:
        """Show the training among `jobs` that works on `run`, else the newest one."""
        training = [job for job in jobs if job.verb in ("train", "resume") and "epoch" in job.progress]
        training.sort(key=lambda job: job.run == run)
        figures = live_figures(training[-1].progress) if training else []
        if len(training) > 1:
            figures.insert(0, ("run", printable(training[-1].run or training[-1].id)))
        if figures != self._figures:
            self._figures = figures
            self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines anew."""
        self._lay_out()

    def _lay_out(self) -> None:
        lines: list[list[tuple[str, str]]] = []
        room = 0
        for name, value in self._figures:
            cells = cell_len(name) + 1 + cell_len(value)
            if not lines or room < cells:
                lines.append([])
                room = self.content_size.width
            lines[-1].append((name, value))
            room -= cells + _GAP
        self._lines = lines
        self.display = bool(lines)
        self.styles.height = len(lines)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the figures of one line."""
        width = self.content_size.width
        name_style = self.get_component_rich_style("live-figures--name")
        value_style = self.get_component_rich_style("live-figures--value")
        segments: list[Segment] = []
        for name, value in self._lines[y] if y < len(self._lines) else []:
            segments += [Segment(f"{name} ", name_style), Segment(value + " " * _GAP, value_style)]
        return Strip(segments).adjust_cell_length(width, self.rich_style)


def live_figures(progress: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a training's progress event as (name, value); those that it lacks are left out."""
    found: list[tuple[str, str]] = [("epoch", f"{progress['epoch']}/{progress.get('epochs', '?')}")]
    if (rate := progress.get("learning_rate")) is not None:
        found.append(("learning rate", format_figure(rate)))
    if speed := format_rate(progress.get("rate"), "images"):
        found.append(("speed", fit(speed, max(14, len(speed)))))  # so that the rest does not jump about
    if progress.get("eta") is not None:
        found.append(("ETA", format_duration(progress["eta"])))
    if (cpu := progress.get("cpu_percent")) is not None:
        found.append(("CPU", f"{cpu / 100:.1f} of {progress.get('cores', '?')} cores"))
    if (memory := progress.get("memory_bytes")) is not None:
        found.append(("memory", format_bytes(memory)))
    if (busy := progress.get("gpu_percent")) is not None:
        found.append(("GPU", f"{busy:.0f}%"))
    if (memory := progress.get("gpu_memory_bytes")) is not None:
        total = progress.get("gpu_memory_total_bytes")
        of = f" of {format_bytes(total)}" if total else ""
        found.append(("GPU memory", format_bytes(memory) + of))
    return found
