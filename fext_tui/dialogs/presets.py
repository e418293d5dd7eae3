"""Presets: load one and see before what that changes, save the settings in hand, delete one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.baseline import DEFAULTS, Baseline
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.dialogs.dialog import Dialog
from fext_tui.dialogs.differences import difference_rows
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_engine.presets import Preset

COLUMNS = (Column("preset", 22), Column("whose", 6), Column("about", None))
NAME, FILE = "name for the settings in hand, Enter saves", "path of a preset file (.toml), Enter loads it"


class PresetsDialog(Dialog[Baseline | None]):
    """The presets: Enter loads one. The result is the preset to load, or None. Saving and deleting are done here."""

    HEADING = "Presets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "Close", id="presets.close"),
        Binding("s", "save", "Save", id="presets.save", tooltip="Save the settings in hand into your preset in use"),
        Binding("w", "save_as", "Save as", id="presets.save-as", tooltip="Save the settings in hand under a name"),
        Binding("o", "open_file", "Load a file", id="presets.open", tooltip="Load a preset that somebody shared"),
        Binding("d", "delete", "Delete", id="presets.delete", tooltip="Delete the chosen preset"),
    ]

    def compose_content(self) -> ComposeResult:
        yield RowList(id="preset-list")
        yield RowList(id="preset-changes")
        yield Input(id="preset-name")

    def on_mount(self) -> None:
        self.query_one("#preset-changes", RowList).can_focus = False
        self.query_one(Input).display = False
        self._reload(self.app.preset.name)
        self._list.focus()

    @property
    def _list(self) -> RowList:
        return self.query_one("#preset-list", RowList)

    def _reload(self, name: str = "") -> None:
        """Read the list again, with the cursor on the preset `name`."""
        from fext_engine.presets import list_presets

        self.presets = list_presets(self.app.workspace)
        names = [preset.name for preset in self.presets]
        rows = [(p.name, "FeXT" if p.stock else "yours", p.description) for p in self.presets]
        paths = [str(preset.path) for preset in self.presets]
        cursor = names.index(name) if name in names else min(self._list.cursor, max(0, len(rows) - 1))
        self._list.set_source(TableRows(COLUMNS, rows, paths), cursor=cursor)
        self._preview()

    @on(RowList.Highlighted, "#preset-list")
    def _preview(self) -> None:
        """Show what loading the highlighted preset would change."""
        changes = self.query_one("#preset-changes", RowList)
        preset = self._chosen
        try:
            loaded = None if preset is None else self._read(preset)
        except FextError as error:
            changes.empty = str(error)
            loaded = None
        if preset is None or loaded is None:
            changes.border_title = ""
            changes.set_source(None)
            return
        now = self.app.settings
        rows = difference_rows(loaded.beside(now), now, preset.name)
        changes.empty = "Loading it would change nothing"
        changes.border_title = Text(
            f"Loading it changes {rows.count() or 'nothing'} · {escape_name(str(preset.path))}"
        )
        changes.set_source(rows)

    @property
    def _chosen(self) -> Preset | None:
        cursor = self._list.cursor
        return self.presets[cursor] if cursor < len(self.presets) else None

    @staticmethod
    def _read(preset: Preset) -> Baseline:
        from fext_engine.presets import read_settings

        return Baseline(preset.name, read_settings(preset.path))

    @on(RowList.Selected, "#preset-list")
    def _load(self) -> None:
        if (preset := self._chosen) is not None:
            try:
                self.dismiss(self._read(preset))
            except FextError as error:
                self._refuse(error)

    def action_open_file(self) -> None:
        """Ask for the path of a preset that somebody shared."""
        self._ask(FILE)

    def action_save_as(self) -> None:
        """Ask for the new preset's name."""
        self._ask(NAME)

    def action_save(self) -> None:
        """Save into the preset in use when it is the user's own; else ask for a name."""
        name = self.app.preset.name
        if any(preset.name == name and not preset.stock for preset in self.presets):
            self._write(name, True)
        else:
            self._ask(NAME)

    def _ask(self, what: str) -> None:
        line = self.query_one(Input)
        line.placeholder, line.value, line.display = what, "", True
        line.focus()

    def action_back(self) -> None:
        """Leave the line for the list, or close."""
        if self._list.has_focus:
            self.dismiss(None)
        else:
            self._leave_line()

    def _leave_line(self) -> None:
        self._list.focus()
        self.query_one(Input).display = False

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if event.input.placeholder == FILE:
            self._load_file(text)
        elif any(p.name == text and not p.stock for p in self.presets):
            question = f"Replace your preset {text} by the settings in hand?"
            self.app.push_screen(
                ConfirmDialog("Save preset", question, "Replace"), lambda yes: self._write(text, yes)
            )
        else:
            self._write(text, True)

    def _load_file(self, path: str) -> None:
        from fext_engine.presets import find_preset

        try:
            self.dismiss(self._read(find_preset(self.app.workspace, path)))
        except FextError as error:
            self._refuse(error)

    def _write(self, name: str, sure: bool | None) -> None:
        from fext_engine.presets import save_preset

        if not sure:
            return
        about = next((p.description for p in self.presets if p.name == name), "")
        try:
            path = save_preset(self.app.workspace, name, self.app.settings, about)
        except (FextError, OSError) as error:
            self._refuse(error)
            return
        self.app.preset = Baseline(name, self.app.settings)
        self.notify(str(path), title=f"Saved {name}", markup=False)
        self._reload(name)
        self._leave_line()

    def action_delete(self) -> None:
        """Delete the highlighted preset, after a question."""
        if (preset := self._chosen) is not None:
            question = f"Delete the preset {preset.name} ({preset.path})?"
            self.app.push_screen(
                ConfirmDialog("Delete preset", question, "Delete"), lambda yes: self._delete(preset, yes)
            )

    def _delete(self, preset: Preset, sure: bool | None) -> None:
        from fext_engine.presets import delete_preset
        from fext_engine.settings import Settings

        if not sure:
            return
        try:
            delete_preset(self.app.workspace, preset.name)
        except (FextError, OSError) as error:
            self._refuse(error)
        else:
            if preset.name == self.app.preset.name:
                self.app.preset = Baseline(DEFAULTS, Settings())
        self._reload()

    def _refuse(self, error: Exception) -> None:
        self.notify(str(error), title="Presets", severity="error", markup=False)
