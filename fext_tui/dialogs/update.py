"""An update from a release archive that was fetched: its path and checksum, and what it would change."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from fext_engine.errors import FextError
from fext_engine.maintenance.release import is_archive_name
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.key_names import key_of
from fext_tui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from fext_engine.maintenance.release import Release
    from fext_engine.workspace import Workspace
    from fext_tui.app import FextApp

NOTE = (
    "Fetch the archive of the release, and its .sha256 file into the same folder; or copy the checksum into the "
    "second line."
)


class ArchiveRead(Message):
    """A worker has read an archive: what it would change, in lines; or why it is refused."""

    def __init__(self, release: Release | None, lines: list[str]) -> None:
        super().__init__()
        self.release = release
        self.lines = lines


class ArchiveDialog(ModalScreen[None]):
    """Asks for an archive, checks it and says what it would change; agreed to, FeXT closes and is updated."""

    app: FextApp
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", id="dialog.cancel")]

    def __init__(self, project: Path) -> None:
        super().__init__()
        self._project = project

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Update from a release archive"
            yield PathInput(placeholder="path of the archive", accepts=is_archive_name)
            yield Input(placeholder="SHA-256, where there is no .sha256 file beside it", id="checksum")
            yield Label(NOTE, classes="note", markup=False)
            complete, back = key_of(self.app, "path.complete"), key_of(self.app, "dialog.cancel")
            yield Label(
                f"{complete} completes, Enter checks it and asks, {back} goes back",
                classes="note",
                markup=False,
            )
            yield Label("", id="archive-state", markup=False)

    @on(Input.Submitted)
    def _check(self) -> None:
        path = self.query_one(PathInput).path
        if path is not None:
            self.query_one("#archive-state", Label).update("Checking the archive…")
            self._read(path.absolute(), self.query_one("#checksum", Input).value)

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _read(self, archive: Path, checksum: str) -> None:
        from fext_engine.maintenance.release import read_release
        from fext_engine.maintenance.release_update import changes_of, describe

        try:
            release = read_release(archive, checksum)
            self.post_message(ArchiveRead(release, describe(changes_of(self._project, release))))
        except FextError as error:
            self.post_message(ArchiveRead(None, [str(error)]))

    @on(ArchiveRead)
    def _ask(self, message: ArchiveRead) -> None:
        release = message.release
        self.query_one("#archive-state", Label).update("" if release else "\n".join(message.lines))
        if release is None:
            return

        def answered(sure: bool | None) -> None:
            if sure:
                self.app.leave_to(partial(_install, self.app.workspace, self._project, release))

        question = "\n".join([*message.lines, "FeXT closes for it."])
        self.app.push_screen(ConfirmDialog("Update FeXT", question, "Update"), answered)


def _install(workspace: Workspace, project: Path, release: Release) -> int:
    from fext_engine.maintenance.in_use import refuse_during_jobs
    from fext_engine.maintenance.release_update import install

    refuse_during_jobs(workspace)
    changes = install(project, release)
    print(f"Now at FeXT {changes.version}.\nStart FeXT anew: that also installs what the new version needs.")
    return 0
