"""Uninstalling: the environment goes, and of a person's data what is named; all of it is said before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.key_names import key_of
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fext_engine.maintenance.removal import Removable
    from fext_engine.maintenance.uninstall import Part, Uninstall
    from fext_engine.workspace import Workspace
    from fext_tui.app import FextApp

COLUMNS = (Column("name", 10), Column("size", 9, "right"), Column("holds", None))


class UninstallDialog(ModalScreen[None]):
    """Names what is to go besides the environment; agreed to, FeXT closes and is deleted."""

    app: FextApp
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", id="dialog.cancel")]
    CSS = "UninstallDialog .dialog { padding: 0 1; } UninstallDialog .dialog RowList { height: 10; }"

    def __init__(self, plan: Uninstall) -> None:
        super().__init__()
        self._plan = plan

    def compose(self) -> ComposeResult:
        plan = self._plan
        rows = [(part.name, format_bytes(part.bytes), part.about) for part in plan.parts]
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Uninstall FeXT"
            where = escape_name(str(plan.environment))
            yield Label(f"{where}, {format_bytes(plan.bytes)}, goes: Python and its libraries.", markup=False)
            yield Label("Of your data only goes what you name here:", markup=False)
            yield RowList(TableRows(COLUMNS, rows))
            yield Input(placeholder="names of what is to go as well, such as: logs caches; empty for none")
            back = key_of(self.app, "dialog.cancel")
            yield Label(
                f"Enter shows what will be deleted and asks, {back} goes back", classes="note", markup=False
            )

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _ask(self, event: Input.Submitted) -> None:
        try:
            parts = self._plan.named(event.value)
        except FextError as error:
            self.notify(str(error), severity="error")
            return

        def answered(sure: bool | None) -> None:
            if sure:
                self.app.leave_to(partial(_uninstall, self.app.workspace, self._plan, parts))

        lines = ["FeXT closes, and this is deleted for good:", *self._plan.describe(parts), "All else stays."]
        self.app.push_screen(ConfirmDialog("Uninstall FeXT", "\n".join(lines), "Delete"), answered)


def _uninstall(workspace: Workspace, plan: Uninstall, parts: Sequence[Part]) -> int:
    from fext_engine.maintenance.uninstall import uninstall

    def tell(item: Removable) -> None:
        print(f"deleting {escape_name(str(item.path))}")

    print(f"deleting {escape_name(str(plan.environment))}")
    code = uninstall(workspace, plan.environment, parts, tell)
    print(
        "Gone. ./run.sh setup makes the environment again."
        if code == 0
        else "run.bat deletes the environment."
    )
    return code
