"""What runs at the moment, one line a job: progress, rate and the time that is left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.text import fit, format_duration, format_rate, printable

if TYPE_CHECKING:
    from textual import events

_MOST_LINES = 4
_LEAST_BAR = 8  # cells
_LEAST_TITLE = 12
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class JobView:
    """What one line shows. `fraction` is 0..1, None while the end is not known; `rate` is per second."""

    id: str
    verb: str
    title: str = ""
    stage: str = ""
    fraction: float | None = None
    done: int = 0
    total: int | None = None
    unit: str = ""
    rate: float | None = None
    eta: float | None = None
    state: str = "running"


class JobBar(Widget):
    """Shows the running jobs, at most four lines; without jobs it takes no room."""

    DEFAULT_CSS = """
    JobBar {
        height: 0;
        width: 1fr;
        background: $panel;
        color: $text;
        & > .job-bar--verb { text-style: bold; color: $text; }
        & > .job-bar--figures { color: $text; }
        & > .job-bar--quiet { color: $text-muted; }
        & > .job-bar--done { color: $accent; background: $surface-lighten-2; }
        & > .job-bar--state { color: $text; background: $warning-muted; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "job-bar--verb",
        "job-bar--figures",
        "job-bar--quiet",
        "job-bar--done",
        "job-bar--state",
    }

    class Selected(Message):
        """The line of job `id` was clicked."""

        def __init__(self, job_bar: JobBar, id: str) -> None:
            super().__init__()
            self.job_bar = job_bar
            self.id = id

        @property
        def control(self) -> JobBar:
            """The bar that sent this."""
            return self.job_bar

    def __init__(
        self,
        *,
        stop_hint: str = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the bar; `stop_hint` names the key that stops a job."""
        super().__init__(name=name, id=id, classes=classes)
        self.stop_hint = stop_hint
        self.jobs: tuple[JobView, ...] = ()

    def on_mount(self) -> None:
        """Take no room until there is a job."""
        self._fit_height()

    def update_jobs(self, jobs: Sequence[JobView]) -> None:
        """Show `jobs`; nothing is redrawn when none of them changed."""
        if tuple(jobs) != self.jobs:
            self.jobs = tuple(jobs)
            self._fit_height()
            self.refresh()

    def _fit_height(self) -> None:
        height = min(len(self.jobs), _MOST_LINES)
        self.styles.height = height
        self.display = height > 0

    def on_click(self, event: events.Click) -> None:
        """Name the job that was clicked."""
        if event.y < len(self._visible):
            self.post_message(self.Selected(self, self._visible[event.y].id))

    @property
    def _visible(self) -> tuple[JobView, ...]:
        return self.jobs if len(self.jobs) <= _MOST_LINES else self.jobs[: _MOST_LINES - 1]

    def render_line(self, y: int) -> Strip:
        """Return the line of one job."""
        width = self.size.width
        if y >= len(self._visible):
            more = len(self.jobs) - len(self._visible)
            text = f" and {more} more" if more > 0 else ""
            return Strip([Segment(fit(text, width), self.get_component_rich_style("job-bar--quiet"))], width)
        return self._line(self._visible[y], width)

    def _line(self, job: JobView, width: int) -> Strip:
        """Return the job in `width` cells; what does not fit is left out, the least needed first."""
        style = self.get_component_rich_style
        state = "" if job.state == "running" else job.state
        fraction = job.fraction if job.fraction is not None and math.isfinite(job.fraction) else None
        percent = "" if fraction is None else f"{100 * fraction:3.0f}%"
        total = f"/{job.total:,}" if job.total else ""
        done = f"{job.done:,}{total} {job.unit}".rstrip() if job.done or job.total else ""
        eta = f"ETA {format_duration(job.eta)}" if job.eta is not None else ""
        title, stage = printable(job.title), printable(job.stage)
        title = fit(title, min(cell_len(title), max(_LEAST_TITLE, width * 2 // 5)))
        rate = format_rate(job.rate, printable(job.unit) or "steps")
        wanted = {
            "verb": job.verb,
            "state": state,
            "eta": eta,
            "percent": percent,
            "title": title,
            "stage": stage,
        }
        wanted |= {"rate": rate, "done": printable(done), "hint": self.stop_hint}
        room = width - 2 - (_LEAST_BAR + 2 if percent else 0)
        shown: dict[str, str] = {}
        for part, text in wanted.items():
            if not text:
                continue
            if cell_len(text) + 2 <= room:
                shown[part] = text
                room -= cell_len(text) + 2
            elif part == "title" and room >= _LEAST_TITLE:
                shown[part] = fit(text, room - 2)
                room = 0
        styles = {"verb": "verb", "state": "state", "hint": "quiet", "stage": "quiet"}
        segments = [Segment(" ")]
        for part in ("verb", "title", "stage", "state", "bar", "percent", "done", "rate", "eta"):
            if part == "bar" and fraction is not None:
                cells = min(40, _LEAST_BAR + max(0, room))
                segments += [
                    Segment(self._bar(fraction, cells), style("job-bar--done")),
                    Segment("  "),
                ]
            elif part in shown:
                name = styles.get(part, "figures")
                segments += [Segment(shown[part], style(f"job-bar--{name}")), Segment("  ")]
        strip = Strip(segments).adjust_cell_length(width, self.rich_style)
        if "hint" in shown:
            hint = Segment(shown["hint"] + " ", style("job-bar--quiet"))
            strip = Strip([*strip.crop(0, width - cell_len(hint.text)), hint], width)
        return strip.apply_style(self.rich_style)

    @staticmethod
    def _bar(fraction: float, cells: int) -> str:
        """Return a bar of `cells` cells, exact to an eighth of a cell."""
        eighths = round(max(0.0, min(1.0, fraction)) * cells * 8)
        full, part = divmod(eighths, 8)
        return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(cells)
