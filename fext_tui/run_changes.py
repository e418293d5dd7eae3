"""Changing a run from the list: a note, another name, its end. Each asks first and then works in a thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.widget import Widget

from fext_engine.errors import FextError
from fext_tui.key_names import key_of
from fext_tui.widgets.text import format_bytes, printable

if TYPE_CHECKING:
    from fext_engine.maintenance import Removable
    from fext_engine.records.runs import RunSummary
    from fext_engine.workspace import Workspace


class RunChanged(Message):
    """The run `run` was changed, or not, as a notice said then; `name` is its new name, if it has one."""

    def __init__(self, run: str, name: str | None = None) -> None:
        super().__init__()
        self.run = run
        self.name = name


def ask_note(pane: Widget, run: RunSummary) -> None:
    """Ask for a note on a run and keep it; `pane` is told by `RunChanged`."""
    from fext_tui.dialogs.one_line import OneLineDialog

    def keep(text: str | None) -> None:
        from fext_engine.maintenance.runs import annotate_run

        if text is not None and text != run.note:
            _work(pane, RunChanged(run.name), lambda: annotate_run(_workspace(pane), run.name, text))

    about = "Kept in the run's folder as note.txt. An empty line takes it away."
    pane.app.push_screen(OneLineDialog(f"Note on {printable(run.name)}", run.note, about), keep)


def ask_name(pane: Widget, run: RunSummary) -> None:
    """Ask for another name of a run and rename it; `pane` is told by `RunChanged`."""
    from fext_tui.dialogs.one_line import OneLineDialog

    def keep(name: str | None) -> None:
        from fext_engine.maintenance.runs import rename_run

        if name and name != run.name:
            _work(pane, RunChanged(run.name, name), lambda: rename_run(_workspace(pane), run.name, name))

    about = "Its folder in checkpoints and everything recorded of it follow."
    pane.app.push_screen(OneLineDialog("Rename the run", printable(run.name), about), keep)


def ask_removal(pane: Widget, run: RunSummary) -> None:
    """Add up what a run's folder holds, ask, and remove it; `pane` is told by `RunChanged`."""

    def weigh() -> None:
        from fext_engine.maintenance.removal import removable_run
        from fext_engine.maintenance.runs import run_folder

        try:
            item: Removable | None = removable_run(_workspace(pane), run_folder(_workspace(pane), run.name))
        except FextError:
            item = None
        pane.call_later(_ask_removal, pane, run, item)

    pane.run_worker(weigh, group="change", thread=True, exit_on_error=False)


def _ask_removal(pane: Widget, run: RunSummary, item: Removable | None) -> None:
    from fext_engine.maintenance.runs import remove_run
    from fext_tui.dialogs.confirm import ConfirmDialog

    if item is not None and item.in_use:
        key = key_of(pane.app, "job.stop")
        pane.notify(f"Job {item.in_use} uses it: stop the job first ({key}).", severity="warning")
        return
    if item is None:
        question = f"The folder of {printable(run.name)} is gone. Take it off the list?"
    else:
        what = f"{format_bytes(item.bytes)} of weights, history and evaluation"
        question = f"{printable(str(item.path))}\nholds {what}. Delete it for good?"

    def answered(sure: bool | None) -> None:
        if sure:
            _work(pane, RunChanged(run.name), lambda: remove_run(_workspace(pane), run.name))

    pane.app.push_screen(ConfirmDialog(f"Delete {printable(run.name)}", question, "Delete"), answered)


def _work(pane: Widget, done: RunChanged, change: Callable[[], object]) -> None:
    def work() -> None:
        try:
            change()
        except (FextError, sqlite3.Error) as error:
            pane.app.notify(str(error), title=printable(done.run), severity="error", markup=False)
            done.name = None
        pane.post_message(done)

    pane.run_worker(work, group="change", thread=True, exit_on_error=False)


def _workspace(pane: Widget) -> Workspace:
    app: Any = pane.app
    workspace: Workspace = app.workspace
    return workspace
