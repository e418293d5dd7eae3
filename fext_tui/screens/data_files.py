"""What the tables of image files share: the preview, the way to the Viewer, excluding, and the list as a file."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.issues import FileList, IssueFiles
from fext_tui.listing import PictureList
from fext_tui.recorded import RecordedImages
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_tui.app import FextApp


class FilesPane(Vertical):
    """A list of image files with a preview. A child composes a RowList `LIST` and a PictureFile."""

    LIST: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "exclude", "Exclude", id="data.exclude", tooltip="Keep the image out of training, or back in"),
        Binding("D", "exclude_all", "Exclude all", id="data.exclude-all", show=False, tooltip="The same for the list"),
        Binding("w", "write", "Write CSV", id="data.write", show=False, tooltip="Write the list in hand as a CSV file"),
    ]  # fmt: skip

    app: FextApp

    class Excluded(Message):
        """The exclusion of some images has changed."""

    class Told(Message):
        """A worker has something to say."""

        def __init__(self, text: str, failed: bool = False) -> None:
            super().__init__()
            self.text = text
            self.failed = failed

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.files: PictureList | FileList | None = None

    @property
    def rows(self) -> RowList:
        """The list of the files."""
        return self.query_one(self.LIST, RowList)

    def show_files(self, files: PictureList | FileList, cursor: int = 0) -> None:
        """Show a list with the cursor on a row."""
        self.files = files
        self._fit_columns()
        self.rows.set_source(files, cursor=cursor)
        self._preview()

    def refresh_files(self) -> None:
        """Read the rows in sight again: what is known of them has changed."""
        self.rows.refresh_rows()

    def on_resize(self) -> None:
        """Show as many columns as there is room for."""
        self.call_after_refresh(self._fit_columns)

    def _fit_columns(self) -> None:
        width = self.rows.size.width
        if self.files is not None and not isinstance(self.files, PictureList) and width != self.files.width:
            self.files.width = width
            self.refresh_files()
            self.columns_changed()

    def columns_changed(self) -> None:
        """React to other columns; for children."""

    @on(RowList.Highlighted)
    def _file_highlighted(self, event: RowList.Highlighted) -> None:
        if event.control is self.rows:
            self._preview()

    def _preview(self) -> None:
        shown, at = self.query_one(PictureFile), self.rows.cursor
        if self.files is not None and at < self.files.count():
            shown.show_file(self.files.path(at))
        else:
            shown.show_nothing("")

    @on(RowList.Selected)
    async def _open(self, event: RowList.Selected) -> None:
        if event.control is not self.rows or self.files is None:
            return
        narrow = (
            self.files if isinstance(self.files, PictureList) else replace(self.files, width=0)
        )  # names alone
        await self.app.show_pictures(narrow, event.index)

    def _recorded(self) -> FileList | None:
        """The list, if there are records of its images; else a notice says what to do."""
        if self.files is None or isinstance(self.files, PictureList):
            self.tell_not_recorded()
            return None
        if not self.files.count():
            self.notify("The list is empty.")
            return None
        return self.files

    def tell_not_recorded(self) -> None:
        """Say what must come before a list of records."""
        self.notify(f"Analyze the folder first ({self.app.key('data.analyze')}).")

    def action_exclude(self) -> None:
        """Keep the image under the cursor out of training, or take it back in."""
        files = self._recorded()
        if files is not None and (name := files.name(self.rows.cursor)) is not None:
            self._set_excluded(files, name, not files.is_excluded(self.rows.cursor))

    def action_exclude_all(self) -> None:
        """Exclude all files of the list after a question; a list that is out already is taken back in."""
        from fext_tui.dialogs.confirm import ConfirmDialog

        files = self._recorded()
        if files is None:
            return
        all_of_it = f"{files.count():,} images" if files.count() != 1 else "the image"
        if files.is_excluded(files.count() - 1):
            question, yes = f"Take {all_of_it} of this list back into training?", "Take back"
        else:
            question, yes = f"Keep {all_of_it} of this list out of training? No file is touched.", "Exclude"
            if isinstance(files, IssueFiles) and files.grouped:
                question += "\nOf each group of duplicates one stays in."

        def answered(sure: bool | None) -> None:
            if sure:
                self._set_excluded(files, None, yes == "Exclude")

        self.app.push_screen(ConfirmDialog("Exclude from training", question, yes), answered)

    @work(thread=True, group="exclude", exit_on_error=False)
    def _set_excluded(self, files: FileList, name: str | None, excluded: bool) -> None:
        from fext_engine.records import open_records
        from fext_engine.records.exclusions import exclude, include
        from fext_tui.list_file import iterate_rows, names_to_exclude

        reason = "by hand"
        if name is None:
            chosen = files.listing.filter if isinstance(files, RecordedImages) else None
            reason = f"filter: {chosen.text}" if chosen else reason
        if isinstance(files, IssueFiles):
            reason = files.issue
        try:
            with open_records(files.database) as records:
                if excluded:
                    names = [name] if name is not None else names_to_exclude(files)
                    changed = exclude(records, files.root, names, reason)
                else:
                    names = [name] if name is not None else (row["path"] for row in iterate_rows(files))
                    changed = include(records, files.root, names)
        except (FextError, sqlite3.Error, OSError) as error:
            self.post_message(self.Told(f"nothing was changed: {error}", failed=True))
            return
        if name is None:
            done = "excluded from training" if excluded else "taken back into training"
            self.post_message(self.Told(f"{changed:,} images {done}"))
        self.post_message(self.Excluded())

    def action_write(self) -> None:
        """Write the list in hand as a CSV file."""
        files = self._recorded()
        if files is not None:
            self._write(files)

    @work(thread=True, group="write", exit_on_error=False)
    def _write(self, files: FileList) -> None:
        from fext_tui.list_file import write_list

        try:
            path = write_list(files, self.app.workspace.validation)
        except (FextError, sqlite3.Error, OSError) as error:
            self.post_message(self.Told(f"the list was not written: {error}", failed=True))
            return
        self.post_message(self.Told(f"{files.count():,} rows are in {escape_name(str(path))}"))

    @on(Told)
    def _tell(self, message: Told) -> None:
        message.stop()
        self.notify(message.text, severity="error" if message.failed else "information", markup=False)
