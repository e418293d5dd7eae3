"""The Runs table of the Model screen: all runs, sorted and filtered, marked, renamed, annotated and deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_engine.paths import escape_name, unescape_name
from fext_tui.run_changes import RunChanged, ask_name, ask_note, ask_removal
from fext_tui.runs import matching, read_runs, run_fields
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.sorted_list import SortedList
from fext_tui.widgets.text import printable

if TYPE_CHECKING:
    from fext_engine.records.runs import RunSummary
    from fext_tui.app import FextApp




class RunsRead(Message):
    """A worker has read the list of runs, or says what came between."""

    def __init__(self, request: int, runs: Sequence[RunSummary], problem: str = "") -> None:
        super().__init__()
        self.request = request
        self.runs = runs
        self.problem = problem


class RunsPane(Vertical):
    """All runs there are, and what one does with their names."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", id="runs.mark", show=False, tooltip="Mark the run to compare others with"),
        Binding("slash", "filter", "Filter", id="runs.filter", show=False, key_display="/", tooltip="Show some runs"),
        Binding("n", "annotate", "Note", id="runs.note", show=False, tooltip="Write a note on the run"),
        Binding("R", "rename", "Rename", id="runs.rename", show=False, tooltip="Give the run another name"),
        Binding("d,delete", "remove", "Delete", id="runs.delete", show=False, tooltip="Delete the run; asks first"),
        Binding("escape", "clear", "Clear filter", show=False, id="runs.clear"),
    ]  # fmt: skip

    app: FextApp

    class Chosen(Message):
        """Another run is chosen, marked, or there are none now."""

        def __init__(self, run: str | None, marked: str | None) -> None:
            super().__init__()
            self.run = run
            self.marked = marked

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.runs: Sequence[RunSummary] = ()
        self.marked: str | None = None
        self._wanted: str | None = None
        self._request = 0
        self._problem = ""
        self._filter = ""
        self._told: tuple[str | None, str | None] | None = (
            None  # what was said last of the chosen and the marked
        )

    def compose(self) -> ComposeResult:
        yield Input(id="run-filter", placeholder="a part of name, model, state or note", compact=True)
        yield SortedList(
            run_fields(None, self.app.key("runs.note")), lambda run: run.name, order="when", descending=True,
            id="runs", empty=self._none_yet,
            copied=lambda run: str(self.app.workspace.run(unescape_name(run.name))),
        )  # fmt: skip
        yield Static("", id="run-note", markup=False)

    @property
    def _none_yet(self) -> str:
        key = self.app.key
        return f"No runs yet: {key('model.train')} trains one with the settings ({key('settings')})"

    def on_mount(self) -> None:
        """The filter line comes when it is asked for."""
        self.query_one("#run-filter").display = False
        self._tell()

    @property
    def rows(self) -> SortedList[RunSummary]:
        """The list itself."""
        return self.query_one("#runs", SortedList)

    def reload(self, run: str | None = None) -> None:
        """Read the runs again; `run` is chosen, or stays so that was."""
        self._wanted = run or self._wanted
        self._request += 1
        self._read(self._request)

    @work(thread=True, exclusive=True, group="runs", exit_on_error=False)
    def _read(self, request: int) -> None:
        worker = get_current_worker()
        try:
            message = RunsRead(request, read_runs(self.app.workspace.database))
        except (FextError, sqlite3.Error) as error:
            message = RunsRead(request, (), str(error))
        if not worker.is_cancelled:
            self.post_message(message)

    @on(RunsRead)
    def _show_read(self, message: RunsRead) -> None:
        if message.request != self._request:  # an older reading that came in late
            return
        if message.problem and message.problem != self._problem:  # said once, not at every epoch
            self.notify(message.problem, title="Runs", severity="error", markup=False)
        self._problem = message.problem
        if not message.problem:
            self.runs = message.runs
            self._told = None  # the chosen one may have gone on
            self._show()

    def _show(self) -> None:
        at_work = {escape_name(job.run or "") for job in self.app.active_jobs}
        known = [
            replace(run, state="interrupted") if run.state == "running" and run.name not in at_work else run
            for run in self.runs
        ]
        if self.marked not in {run.name for run in known}:
            self.marked = None
        self.rows.fields = run_fields(self.marked, self.app.key("runs.note"))
        none_left = f"No run has these words ({self.app.key('runs.clear')} shows all)"
        self.rows.empty = none_left if self.runs else self._none_yet
        self.rows.show_items(matching(known, self._filter), self._wanted)
        if self._wanted in {run.name for run in known}:  # a new run is heard of before it is recorded
            self._wanted = None
        self._choose()

    @on(RowList.Highlighted, "#runs")
    def _choose(self) -> None:
        run = self.rows.current
        self._tell()
        now = (run.name if run else None, self.marked)
        if now != self._told:
            self._told = now
            self.post_message(self.Chosen(*now))

    def _tell(self) -> None:
        """Say below the list what its columns have no room for: the filter, and the chosen run's note."""
        parts = []
        if self._filter:
            parts.append(f"{len(self.rows.items)} of {len(self.runs)} runs, {self.app.key('runs.clear')} shows all")
        run = self.rows.current
        if run is not None and run.note and not self.rows.shows("note"):
            parts.append(run.note)
        line = self.query_one("#run-note", Static)
        line.display = bool(parts)
        line.update(printable(" · ".join(parts)))

    def action_filter(self) -> None:
        """Go to the filter line; the list follows what is typed."""
        line = self.query_one("#run-filter", Input)
        line.display = True
        line.focus()

    @on(Input.Changed, "#run-filter")
    def _narrow(self, event: Input.Changed) -> None:
        if event.value.strip() != self._filter:
            self._filter = event.value.strip()
            self._show()

    @on(Input.Submitted, "#run-filter")
    def _to_the_list(self, event: Input.Submitted) -> None:
        event.input.display = bool(self._filter)
        self.rows.focus()

    def action_clear(self) -> None:
        """Leave the filter line and show all runs again."""
        line = self.query_one("#run-filter", Input)
        line.value = ""
        line.display = False
        self.rows.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the filter's while there is one."""
        if action == "clear":
            return self.query_one("#run-filter", Input).display
        return True

    def action_mark(self) -> None:
        """Mark the chosen run as the one that others are compared with, or take the mark away."""
        run = self.rows.current
        if run is not None:
            self.marked = None if run.name == self.marked else run.name
            self._show()

    def action_annotate(self) -> None:
        """Ask for a note on the chosen run."""
        self._change(ask_note)

    def action_rename(self) -> None:
        """Ask for another name of the chosen run."""
        self._change(ask_name)

    def action_remove(self) -> None:
        """Delete the chosen run after a question that names its folder and size."""
        self._change(ask_removal)

    def _change(self, ask: Callable[[RunsPane, RunSummary], None]) -> None:
        if self.rows.current is None:
            self.notify(self._none_yet)
        else:
            ask(self, self.rows.current)

    @on(RunChanged)
    def _reread(self, message: RunChanged) -> None:
        if message.name is not None and message.run == self.marked:
            self.marked = message.name
        self.reload(message.name)
