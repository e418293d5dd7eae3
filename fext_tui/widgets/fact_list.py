"""Labels and values of what is looked at, wrapped to the panel's width; read in a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import sleep
from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState, get_current_worker

from fext_tui.widgets.picture_file import REST_SECONDS
from fext_tui.widgets.text import printable

Reader = Callable[[], Sequence[tuple[str, str]]]


class FactList(VerticalScroll):
    """Shows what the reader of the last `show` returned; an empty label makes its value a heading."""

    DEFAULT_CSS = """
    FactList { width: 1fr; height: 1fr; scrollbar-size-vertical: 1; }
    FactList > Static { width: 1fr; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False, id="facts.down"),
        Binding("k", "scroll_up", "Up", show=False, id="facts.up"),
    ]

    class Read(Message):
        """A worker has carried out `read`."""

        def __init__(self, read: Reader, facts: Sequence[tuple[str, str]]) -> None:
            super().__init__()
            self.read = read
            self.facts = facts

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._wanted: Reader | None = None

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def show(self, read: Reader | None) -> None:
        """Show what `read` returns in a worker thread; None empties the list."""
        self._wanted = read
        if read is None:
            self.query_one(Static).update("")
        else:
            self._read(read)

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _read(self, read: Reader) -> None:
        worker = get_current_worker()
        sleep(REST_SECONDS)
        if worker.is_cancelled:  # a held key passes over files without reading them
            return
        facts = read()
        if not worker.is_cancelled:
            self.post_message(self.Read(read, facts))

    @on(Read)
    def _show(self, message: Read) -> None:
        message.stop()
        if message.read is self._wanted:
            self.query_one(Static).update(_draw(message.facts, "" if self.app.native_ansi_color else "dim"))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault of the reading itself is shown in the list's place."""
        if event.state is WorkerState.ERROR:
            self.query_one(Static).update(Text(printable(f"cannot be read: {event.worker.error}")))


def _draw(facts: Sequence[tuple[str, str]], labels: str) -> Group:
    parts: list[Text | Table] = []
    for label, value in facts:
        if not label:
            parts += [Text(""), Text(printable(value), style="bold")]
            continue
        if not parts or isinstance(parts[-1], Text):
            parts.append(_table())
        if isinstance(table := parts[-1], Table):
            table.add_row(Text(printable(label), style=labels), Text(printable(value)))
    return Group(*parts)


def _table() -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(max_width=21)
    table.add_column(ratio=1, overflow="fold")
    return table
