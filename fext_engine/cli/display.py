"""What the person or program at the other end sees of a job: a progress bar, plain lines, or JSON events."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any, Self

from fext_engine.cli.wording import (
    curve_lines,
    duration,
    event_text,
    progress_text,
    speed_texts,
    summary_lines,
)
from fext_engine.jobs.events import Event
from fext_engine.paths import printable

PLAIN_SECONDS = 10.0
PLAIN_SHARE = 0.1


class Display:
    """Takes a job's events. A context manager, so that the terminal is left as it was."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._broken = False

    def __call__(self, event: Event) -> None:
        """Show an event; when nobody reads any more (`| head`, a closed terminal), the job goes on unseen."""
        if self._broken:
            return
        if event.kind == "started":
            self._started = event.time
        try:
            self.show(event)
        except OSError:
            self._broken = True

    def show(self, event: Event) -> None:
        """Show one event."""
        if event.kind == "progress":
            self.show_progress(event)
        elif event.kind == "finished":
            took = max(0.0, event.time - self._started) if self._started is not None else 0.0
            self.say(f"finished in {duration(took)}")
            summary = event.data.get("summary") or {}
            for line in (*summary_lines(summary), *curve_lines(summary)):
                self.say(f"  {line}".rstrip())
        elif (text := event_text(event)) is not None:
            self.say(text)

    def show_progress(self, event: Event) -> None:
        """Show how far the job is."""

    def say(self, text: str) -> None:
        """Print a line."""
        print(printable(text), flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class JsonDisplay(Display):
    """Every event as one line of JSON, for programs."""

    def show(self, event: Event) -> None:
        """Print the event."""
        print(event.to_json(), flush=True)


class PlainDisplay(Display):
    """Lines for log files: of the progress one every ten seconds or ten percent, whichever is later."""

    def __init__(self) -> None:
        super().__init__()
        self._said: tuple[str, float, float] = ("", 0.0, 0.0)

    def show_progress(self, event: Event) -> None:
        """Print a line of progress when it is time for one."""
        data = event.data
        stage, done, total = data.get("stage", ""), data.get("done", 0), data.get("total")
        share = done / total if total else 0.0
        last_stage, last_time, last_share = self._said
        if stage == last_stage:
            ended = share >= 1 > last_share
            passed = abs(event.time - last_time)  # of a clock that may be set back
            due = passed >= PLAIN_SECONDS and (not total or share - last_share >= PLAIN_SHARE)
            overdue = passed >= 6 * PLAIN_SECONDS
            if not (ended or due or overdue):
                return
        self._said = (stage, event.time, share)
        self.say(progress_text(data))


class BarDisplay(Display):
    """A progress bar that stays below the lines, for a terminal."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        # No refresh thread: the work may fork, and events come often enough.
        self._progress = Progress(
            TextColumn("{task.fields[stage]}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}", markup=False),
            console=Console(highlight=False, markup=False, emoji=False),
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task("", total=None, stage="", figures="", visible=False)

    def show_progress(self, event: Event) -> None:
        """Move the bar."""
        data = event.data
        done, total = data.get("done", 0), data.get("total")
        count = f"{done}/{total}" if total is not None else f"{done} {data.get('unit', '')}"
        fields: dict[str, Any] = {
            "stage": printable(str(data.get("stage", ""))),
            "figures": printable("  ".join([count, *speed_texts(data)])),
        }
        self._progress.update(self._task, completed=done, total=total, visible=True, **fields)
        self._progress.refresh()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(printable(text), markup=False, soft_wrap=True)
        self._progress.refresh()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._progress.stop()
        except OSError:
            self._broken = True


def open_display(as_json: bool) -> Display:
    """The display that fits: JSON when asked, a bar on a terminal, plain lines elsewhere."""
    if as_json:
        return JsonDisplay()
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return BarDisplay()
    return PlainDisplay()
