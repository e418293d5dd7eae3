"""The Health table of the Data screen: the issues with their counts, the files of the chosen one, the preview."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_tui.issues import FileList, IssueEntry, IssueFiles, open_issue, read_issues
from fext_tui.screens.data_files import FilesPane
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import printable

ISSUES = (Column("issue", None), Column("n", 7, "right"))


class IssueOpened(Message):
    """A worker has made the list of an issue."""

    def __init__(self, entry: IssueEntry, files: FileList) -> None:
        super().__init__()
        self.entry = entry
        self.files = files


class IssuesRead(Message):
    """A worker has counted the issues again."""

    def __init__(self, entries: Sequence[IssueEntry]) -> None:
        super().__init__()
        self.entries = entries


class HealthPane(FilesPane):
    """What is wrong with which files, worst first."""

    LIST = "#files"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[IssueEntry] = ()
        self._place: tuple[Path, Path] | None = None
        self._shown_entry = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield RowList(id="issues", empty="Not analyzed yet")
            with Vertical(id="issue"):
                yield Static("", id="meaning", markup=False)
                yield RowList(id="files", empty="No file has this")
            yield PictureFile(id="health-preview")

    def show_issues(self, database: Path, root: Path, entries: Sequence[IssueEntry]) -> None:
        """Show the issues of a folder; the chosen one stays chosen."""
        issues = self.query_one("#issues", RowList)
        before = self.entry.name if self.entry and self._place == (database, root) else None
        self._place, self.entries = (database, root), entries
        names = [entry.name for entry in entries]
        # the first that has files, at first
        start = next((n for n, entry in enumerate(entries) if entry.count), 0)
        rows = [(entry.name.replace("_", " "), f"{entry.count:,}") for entry in entries]
        issues.set_source(TableRows(ISSUES, rows), cursor=names.index(before) if before in names else start)
        if self.entry is not None:
            self._open_entry(self.entry)

    @property
    def entry(self) -> IssueEntry | None:
        """The chosen issue."""
        at = self.query_one("#issues", RowList).cursor
        return self.entries[at] if 0 <= at < len(self.entries) else None

    @on(RowList.Highlighted, "#issues")
    def _issue_highlighted(self) -> None:
        if self.entry is not None:
            self._open_entry(self.entry)

    @on(RowList.Selected, "#issues")
    def _go_to_files(self) -> None:
        self.rows.focus()

    @work(thread=True, exclusive=True, group="issue", exit_on_error=False)
    def _open_entry(self, entry: IssueEntry) -> None:
        worker = get_current_worker()
        if self._place is None:
            return
        try:
            files = open_issue(*self._place, entry, lambda: worker.is_cancelled)
        except (FextError, sqlite3.Error) as error:
            self.post_message(self.Told(str(error), failed=True))
            return
        if not worker.is_cancelled:
            self.post_message(IssueOpened(entry, files))

    @on(IssueOpened)
    def _show_issue(self, message: IssueOpened) -> None:
        entry = message.entry
        if self.entry is None or entry.name != self.entry.name:
            return
        same = self.files is not None and self._shown_entry == entry.name
        self._shown_entry = entry.name
        self.show_files(message.files, self.rows.cursor if same else 0)

    def _preview(self) -> None:
        super()._preview()
        if self.entry is None or self.files is None:
            return
        about = f"{self.entry.name.replace('_', ' ')}: {self.entry.meaning}"
        if isinstance(self.files, IssueFiles):
            about += f"\n{printable(self.files.describe(self.rows.cursor))}"
        self.query_one("#meaning", Static).update(about)

    def recount(self) -> None:
        """Count again: an exclusion has changed."""
        if self._place is not None:
            self._recount(*self._place)

    @work(thread=True, exclusive=True, group="recount", exit_on_error=False)
    def _recount(self, database: Path, root: Path) -> None:
        from fext_engine.records import open_records
        from fext_engine.records.images import count_statuses

        try:
            with open_records(database) as records:
                self.post_message(IssuesRead(read_issues(records, root, count_statuses(records, root))))
        except (FextError, sqlite3.Error) as error:
            self.post_message(self.Told(str(error), failed=True))

    @on(IssuesRead)
    def _show_counts(self, message: IssuesRead) -> None:
        if self._place is not None:
            self.show_issues(*self._place, message.entries)
