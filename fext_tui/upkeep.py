"""The work behind the maintenance dialog: each piece is asked about, done in a thread, and told of at its end."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported
from textual.message import Message

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.widgets.text import format_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from textual.notifications import SeverityLevel

    from fext_engine.maintenance.removal import Removable
    from fext_engine.workspace import Workspace
    from fext_tui.dialogs.maintenance import MaintenanceDialog

GROUP = "maintenance"
_SAY_SECONDS = 0.1
_SHOWN = 12
_ABOUT = {
    "back-up": ("Back up the database", "It is copied into the folder backups beside it, also while jobs run.", "Copy"),
    "vacuum": ("Vacuum the database", "It is written anew without its gaps; that needs as much free space.", "Vacuum"),
    "export": ("Export all tables", "Every table becomes a CSV file in a new folder beside it.", "Export"),
}  # fmt: skip
Say = Callable[[str], None]


class UpkeepSaid(Message):
    """How far a piece of work is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class UpkeepEnded(Message):
    """A piece of work came to its end, well or not, as a notice said."""


class Upkeep:
    """What the entries of the dialog do, one at a time; what is begun goes on when the dialog closes."""

    def __init__(self, dialog: MaintenanceDialog) -> None:
        self._dialog = dialog
        self._app = dialog.app
        self._at_work = False

    def standing(self) -> dict[str, str]:
        """How the entries about the database and FeXT stand, in a few words each; reads files."""
        from fext_engine import __version__
        from fext_engine.maintenance import database, database_programs, software

        held = _standing(lambda: format_bytes(database.size_on_disk(self._workspace)))
        project = software.project_folder()
        by = "" if project is None else ", by git" if (project / ".git").exists() else ", from an archive"
        environment = software.environment_folder()
        return {
            "back-up": held, "vacuum": held, "export": held,
            "shell": _standing(lambda: database_programs.sqlite_shell() and "installed"),
            "browser": _standing(lambda: database_programs.db_browser() and "installed"),
            "update": f"{__version__}{by or ': installed as a package'}",
            "uninstall": "not in a .venv of its own" if environment is None else "asks what goes",
        }  # fmt: skip

    def begin(self, name: str) -> None:
        """Begin an entry that is not about removing: show what it will do, and ask."""
        if name in _ABOUT:
            self._ask_care(name)
        elif name == "shell":
            self._open_shell()
        elif name == "browser":
            self._work("DB Browser", self._open_browser)
        elif name == "update":
            self._begin_update()
        else:
            self._work("Uninstall", self._plan_uninstall)

    def remove(self, items: Sequence[Removable]) -> None:
        """Remove these, which were agreed to."""

        def work(say: Say) -> str:
            from fext_engine.maintenance import remove

            def tell(item: Removable) -> None:
                say(f"Deleting {item.name}, {format_bytes(item.bytes)}…")

            return f"{format_bytes(remove(self._workspace, items, tell))} freed."

        self._work("Maintenance", work)

    def _work(self, title: str, work: Callable[[Say], str]) -> None:
        """Do `work` in a thread, unless another is at work; its last word becomes a notice."""
        if self._at_work:
            self._app.notify(
                "Something else is at work still; begin this when it is done.", severity="warning"
            )
            return
        said = [0.0]

        def say(text: str) -> None:
            if time.monotonic() - said[0] > _SAY_SECONDS:
                said[0] = time.monotonic()
                self._dialog.post_message(UpkeepSaid(text))

        self._at_work = True

        def run() -> None:
            severity: SeverityLevel = "information"
            self._dialog.post_message(UpkeepSaid(f"{title}…"))
            try:
                words = work(say)
            except (FextError, OSError, sqlite3.Error) as error:
                words, severity = str(error), "error"
            finally:
                self._at_work = False
            if words:
                self._app.notify(words, title=title, severity=severity)
            self._dialog.post_message(UpkeepSaid(""))
            self._dialog.post_message(UpkeepEnded())

        self._app.run_worker(run, group=GROUP, thread=True, exit_on_error=False)

    def _ask(self, title: str, question: str, yes: str, then: Callable[[], None]) -> None:
        """Ask, in the app's thread; then do it. Where the dialog was closed nobody is asked any more."""
        if self._dialog in self._app.screen_stack:
            self._app.push_screen(ConfirmDialog(title, question, yes), lambda sure: then() if sure else None)

    # The database

    def _ask_care(self, name: str) -> None:
        from fext_engine.maintenance.database import size_on_disk

        try:
            held = format_bytes(size_on_disk(self._workspace))
        except FextError as error:
            self._app.notify(str(error), severity="error")
            return
        title, does, yes = _ABOUT[name]
        question = f"{escape_name(str(self._workspace.database))}, {held}.\n{does}\nNothing is deleted."
        self._ask(title, question, yes, lambda: self._work(title, partial(self._care, name)))

    def _care(self, name: str, say: Say) -> str:
        from fext_engine.maintenance import back_up, export_tables, vacuum

        def progress(done: int, total: int) -> None:
            say(f"{_ABOUT[name][0]}: {done:,} of {total:,} {'pages' if name == 'back-up' else 'rows'}")

        if name == "vacuum":
            before, after = vacuum(self._workspace)
            return f"{format_bytes(before)} before, {format_bytes(after)} now."
        make = back_up if name == "back-up" else export_tables
        return f"Written to {escape_name(str(make(self._workspace, progress)))}"

    def _open_shell(self) -> None:
        from fext_engine.maintenance.database_programs import run_shell

        try:
            with self._app.suspend():
                run_shell(self._workspace)
        except SuspendNotSupported:
            self._app.notify(
                "This terminal cannot be lent to the shell: use the console.", severity="warning"
            )
        except FextError as error:
            self._app.notify(str(error), severity="error")

    def _open_browser(self, _say: Say) -> str:
        from fext_engine.maintenance.database_programs import start_browser

        start_browser(self._workspace)
        return "DB Browser opens in a window of its own. Look, and change nothing while a job runs."

    # FeXT itself

    def _begin_update(self) -> None:
        from fext_engine.maintenance import in_use, software
        from fext_tui.dialogs.update import ArchiveDialog

        try:
            project = software.updatable_project()
            in_use.refuse_during_jobs(self._workspace)
        except FextError as error:
            self._app.notify(str(error), title="Update", severity="error")
            return
        if (project / ".git").exists():
            self._work("Update", partial(self._ask_remote, project))
        else:
            self._app.push_screen(ArchiveDialog(project))

    def _ask_remote(self, project: Path, say: Say) -> str:
        from fext_engine.maintenance.git_update import incoming_changes

        say("Asking the remote for what is new…")
        titles = incoming_changes(project)
        if not titles:
            return "FeXT is up to date."
        more = [f"and {len(titles) - _SHOWN} more"] if len(titles) > _SHOWN else []
        what = "\n".join([*titles[:_SHOWN], *more])
        takes = f"FeXT closes and takes in {len(titles)} changes (git pull --ff-only)"
        question = f"{takes}:\n{what}\nNo file of yours is deleted."
        leave = partial(self._app.leave_to, partial(_pull, self._workspace, project))
        self._app.call_from_thread(self._ask, "Update FeXT", question, "Update", leave)
        return ""

    def _plan_uninstall(self, say: Say) -> str:
        from fext_engine.maintenance.uninstall import plan_uninstall
        from fext_tui.dialogs.uninstall import UninstallDialog

        def count(files: int, held: int) -> None:
            say(f"Adding up: {files:,} files, {format_bytes(held)}…")

        plan = plan_uninstall(self._workspace, count)
        if self._dialog in self._app.screen_stack:
            self._app.call_from_thread(self._app.push_screen, UninstallDialog(plan))
        return ""

    @property
    def _workspace(self) -> Workspace:
        return self._app.workspace


def _standing(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except FextError as error:
        return error.what


def _pull(workspace: Workspace, project: Path) -> int:
    from fext_engine.maintenance.git_update import update
    from fext_engine.maintenance.in_use import refuse_during_jobs

    refuse_during_jobs(workspace)
    print(f"Now at {update(project)}.\nStart FeXT anew: that also installs what the new version needs.")
    return 0
