"""The Reports table of the Data screen: all reports, and what changed from the chosen one to the one that is shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_tui.comparing import NO_CHANGES, read_changes
from fext_tui.dataset_tables import ReportEntry, report_table
from fext_tui.tables import TableRows
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_tui.app import FextApp


class Compared(Message):
    """A worker has compared two reports, or says why not."""

    def __init__(self, chosen: str, changes: TableRows, problem: str = "") -> None:
        super().__init__()
        self.chosen = chosen
        self.changes = changes
        self.problem = problem


class ReportsPane(Vertical):
    """The reports of all folders, the newest first."""

    app: FextApp

    class Chosen(Message):
        """A report is to be shown in the other tables."""

        def __init__(self, report: ReportEntry) -> None:
            super().__init__()
            self.report = report

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._database: Path | None = None
        self._reports: Sequence[ReportEntry] = ()
        self._shown: str | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="compared", markup=False)
        with Horizontal():
            yield RowList(id="reports", empty="Not analyzed yet")
            yield RowList(NO_CHANGES, id="changes", empty="Nothing changed")

    def show_reports(self, database: Path, reports: Sequence[ReportEntry], shown: str | None) -> None:
        """Show the reports, with the one marked that the other tables show."""
        self._database, self._reports, self._shown = database, reports, shown
        rows = self.query_one("#reports", RowList)
        rows.set_source(report_table(reports, shown, self.app.workspace.validation), cursor=rows.cursor)
        self._compare()

    @property
    def _chosen(self) -> ReportEntry | None:
        at = self.query_one("#reports", RowList).cursor
        return self._reports[at] if 0 <= at < len(self._reports) else None

    @on(RowList.Selected, "#reports")
    def _choose(self) -> None:
        if self._chosen is not None:
            self.post_message(self.Chosen(self._chosen))

    @on(RowList.Highlighted, "#reports")
    def _compare(self) -> None:
        changes, chosen = self.query_one("#changes", RowList), self._chosen
        if self._database is None or chosen is None or self._shown in (None, chosen.name):
            changes.display = False
            several = len(self._reports) > 1
            shows = f"{self.app.key('list.open')} shows it"
            self._tell(f"Move to another report to see what changed since; {shows}." if several else "")
        else:
            self._read_changes(self._database, chosen.name, str(self._shown))

    @work(thread=True, exclusive=True, group="compare", exit_on_error=False)
    def _read_changes(self, database: Path, before: str, after: str) -> None:
        worker = get_current_worker()
        try:
            compared = Compared(before, read_changes(database, before, after))
        except (FextError, sqlite3.Error) as error:
            compared = Compared(before, NO_CHANGES, str(error))
        if not worker.is_cancelled:
            self.post_message(compared)

    @on(Compared)
    def _show_changes(self, message: Compared) -> None:
        if self._chosen is None or self._chosen.name != message.chosen or message.chosen == self._shown:
            return
        changes = self.query_one("#changes", RowList)
        changes.display = not message.problem
        changes.set_source(message.changes)
        self._tell(message.problem or f"From {message.chosen} to {self._shown}")

    def _tell(self, text: str) -> None:
        self.query_one("#compared", Static).update(text)
