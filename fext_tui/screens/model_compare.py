"""The Compare table of the Model screen: what differs between the marked run and the chosen one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_tui.runs import MARK
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import format_figure, printable

if TYPE_CHECKING:
    from fext_engine.training.comparison import Difference, RunComparison
    from fext_tui.app import FextApp

COLUMNS = (
    Column("what", 24), Column(f"{MARK} marked", None, "right"), Column("chosen", None, "right"),
    Column("change", 10, "right"),
)  # fmt: skip


class Compared(Message):
    """A worker has compared two runs, or says why not."""

    def __init__(self, pair: tuple[str, str], found: RunComparison | None, problem: str = "") -> None:
        super().__init__()
        self.pair = pair
        self.found = found
        self.problem = problem


class ComparePane(Vertical):
    """Settings that differ, and what came of either run."""

    app: FextApp

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pair: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="compared-runs", markup=False)
        yield RowList(TableRows(COLUMNS), id="differences", empty=self._how)

    @property
    def _how(self) -> str:
        return f"{self.app.key('runs.mark')} marks a run in Runs; then go to another: what differs shows here"

    def show(self, marked: str | None, chosen: str | None) -> None:
        """Compare these two anew: either may have gone on since."""
        if marked is None or chosen is None or marked == chosen:
            self._pair = None
            self._show(
                (), self._how if marked is None else f"{MARK} {printable(marked)} is marked: go to another run"
            )
            return
        self._pair = (marked, chosen)
        self._read(self._pair)

    @work(thread=True, exclusive=True, group="compare", exit_on_error=False)
    def _read(self, pair: tuple[str, str]) -> None:
        from fext_engine.maintenance.runs import run_folder
        from fext_engine.training.comparison import compare_runs

        worker = get_current_worker()
        try:
            a, b = (run_folder(self.app.workspace, name) for name in pair)
            message = Compared(pair, compare_runs(a, b))
        except FextError as error:
            message = Compared(pair, None, str(error))
        if not worker.is_cancelled:
            self.post_message(message)

    @on(Compared)
    def _show_compared(self, message: Compared) -> None:
        if message.pair != self._pair:
            return
        found = message.found
        about = message.problem or f"{message.pair[1]} against {MARK} {message.pair[0]}"
        if found is not None and found.same_validation is False:
            about += "\nValidated on different images: their losses are not of the same thing."
        self._show(list(_rows(found)) if found else (), printable_lines(about))

    def _show(self, rows: Sequence[tuple[str, ...]], about: str) -> None:
        differences = self.query_one("#differences", RowList)
        differences.empty = about
        differences.set_source(TableRows(COLUMNS, rows), cursor=differences.cursor)
        line = self.query_one("#compared-runs", Static)
        line.display = bool(rows)
        line.update(about)

    @on(RowList.Selected, "#differences")
    def _tell_whole(self) -> None:
        """Give both values in full: a path is longer than its column."""
        row = self.query_one("#differences", RowList).row
        if row is not None and any(row[1:3]):
            self.notify(f"{MARK} {row[1]}\n{row[2]}", title=row[0], markup=False)


def printable_lines(text: str) -> str:
    """Return `text` with each line made printable."""
    return "\n".join(printable(line) for line in text.splitlines())


def _rows(found: RunComparison) -> Iterator[tuple[str, ...]]:
    if not found.settings:
        yield "every setting is the same", "", "", ""
    for difference in (*found.settings, *found.results):
        yield _row(difference)


def _row(difference: Difference) -> tuple[str, ...]:
    change = difference.change
    signed = "" if change is None else f"{'+' if change > 0 else ''}{format_figure(change)}"
    return difference.name.replace("_", " "), _shown(difference.a), _shown(difference.b), signed


def _shown(value: str | int | float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else format_figure(value)
