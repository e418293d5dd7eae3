"""What differs from the preset in use, option by option, to be set back one by one or all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from fext_tui.dialogs.dialog import Dialog
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.text import printable

if TYPE_CHECKING:
    from fext_engine.settings import Settings


class DifferencesDialog(Dialog["Settings | None"]):
    """The result is the settings with what was set back, None when nothing was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", id="differences.close"),
        Binding("r", "reset", "Set back", id="differences.reset", tooltip="Back to the preset's value"),
        Binding("R", "reset_all", "Set all back", id="differences.reset-all"),
        Binding("u", "undo", "Undo", id="differences.undo"),
    ]

    def __init__(self, name: str, baseline: Settings, settings: Settings) -> None:
        """Compare `settings` with those of the preset `name`."""
        super().__init__()
        self._preset = printable(name)
        self._baseline = baseline
        self._states = [settings]  # the last one is shown, those before can be gone back to

    def compose_content(self) -> ComposeResult:
        yield RowList(id="differences", empty=f"Nothing differs from {self._preset}")

    def on_mount(self) -> None:
        self.query_one(".dialog").border_title = Text(f"Changes against {self._preset}")
        self._show()
        self.query_one(RowList).focus()

    def _show(self) -> None:
        rows_list = self.query_one(RowList)
        rows_list.set_source(
            difference_rows(self._baseline, self.settings, self._preset), cursor=rows_list.cursor
        )

    @property
    def settings(self) -> Settings:
        """The settings as they stand in the dialog."""
        return self._states[-1]

    @on(RowList.Selected)
    def action_reset(self) -> None:
        """Set the highlighted option back to the preset's value."""
        if (row := self.query_one(RowList).row) is not None:
            self._take(self.settings.with_options({row[0]: self._baseline.get(row[0])}))

    def action_reset_all(self) -> None:
        """Set every option back."""
        if self.settings != self._baseline:
            self._take(self._baseline)

    def action_undo(self) -> None:
        """Take the last step back."""
        if len(self._states) > 1:
            self._states.pop()
            self._show()

    def action_close(self) -> None:
        """Close, and take over what was set back."""
        self.dismiss(self.settings if len(self._states) > 1 else None)

    def _take(self, settings: Settings) -> None:
        self._states.append(settings)
        self._show()


def difference_rows(baseline: Settings, settings: Settings, name: str) -> TableRows:
    """The options in which `settings` differ from those of the preset `name`, with both values."""
    columns = (Column("setting", 34), Column(name, 16), Column("now", None))
    found = baseline.differences(settings)
    return TableRows(columns, [(key, _shown(theirs), _shown(ours)) for key, (theirs, ours) in found.items()])


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = f"{value:.15g}" if isinstance(value, float) else printable(str(value))
    return text or "-"
