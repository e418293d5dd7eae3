"""Presets: load one, save the configuration in hand under a name, delete one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from fext_engine.errors import FextError
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.dialogs.dialog import Dialog
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_engine.presets import Preset
    from fext_engine.settings import Settings  # noqa: F401 - in the type of the result

COLUMNS = (Column("preset", 22), Column("whose", 6), Column("about", None))


class PresetsDialog(Dialog["Settings | None"]):
    """The presets: Enter loads one. The result is its settings, or None."""

    HEADING = "Presets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "save", "Save as", id="presets.save", tooltip="Save the settings in hand under a name"),
        Binding("d", "delete", "Delete", id="presets.delete", tooltip="Delete the chosen preset"),
    ]

    def compose_content(self) -> ComposeResult:
        yield RowList(id="preset-list")
        yield Input(placeholder="name for the settings in hand, Enter saves", id="preset-name")

    def on_mount(self) -> None:
        self._reload()
        self.query_one(RowList).focus()

    def _reload(self) -> None:
        from fext_engine.presets import list_presets

        self.presets = list_presets(self.app.workspace)
        rows = [(p.name, "FeXT" if p.stock else "yours", p.description) for p in self.presets]
        paths = [str(preset.path) for preset in self.presets]
        self.query_one(RowList).set_source(TableRows(COLUMNS, rows, paths))

    @on(RowList.Selected)
    def _load(self, event: RowList.Selected) -> None:
        from fext_engine.presets import read_settings

        try:
            self.dismiss(read_settings(self.presets[event.index].path))
        except FextError as error:
            self._refuse(error)

    def action_save(self) -> None:
        """Go to the line that takes the new preset's name."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _save(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        if any(p.name == name and not p.stock for p in self.presets):
            question = f"Replace your preset {name} by the settings in hand?"
            self.app.push_screen(
                ConfirmDialog("Save preset", question, "Replace"), lambda yes: self._write(name, yes)
            )
        else:
            self._write(name, True)

    def _write(self, name: str, sure: bool | None) -> None:
        from fext_engine.presets import save_preset

        if not sure:
            return
        try:
            path = save_preset(self.app.workspace, name, self.app.settings)
        except (FextError, OSError) as error:
            self._refuse(error)
            return
        self.notify(str(path), title=f"Saved {name}", markup=False)
        self._reload()
        self.query_one(RowList).focus()

    def action_delete(self) -> None:
        """Delete the highlighted preset, after a question."""
        index = self.query_one(RowList).cursor
        if index >= len(self.presets):
            return
        preset = self.presets[index]
        question = f"Delete the preset {preset.name} ({preset.path})?"
        self.app.push_screen(
            ConfirmDialog("Delete preset", question, "Delete"), lambda yes: self._delete(preset, yes)
        )

    def _delete(self, preset: Preset, sure: bool | None) -> None:
        from fext_engine.presets import delete_preset

        if not sure:
            return
        try:
            delete_preset(self.app.workspace, preset.name)
        except (FextError, OSError) as error:
            self._refuse(error)
        self._reload()

    def _refuse(self, error: Exception) -> None:
        self.notify(str(error), title="Presets", severity="error", markup=False)
