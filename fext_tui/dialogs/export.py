"""Choosing the format of an export."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widgets import Label

from fext_engine.export.formats import FORMATS, FormatInfo
from fext_tui.dialogs.dialog import Dialog
from fext_tui.tables import TableRows
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowList

COLUMNS = (Column("format", 11), Column("what one gets", None))


class ExportDialog(Dialog[str | None]):
    """Lists the formats; Enter chooses one. The result is its name, or None."""

    HEADING = "Export the model"
    CSS = "ExportDialog .dialog RowList { height: 5; }"

    def compose_content(self) -> ComposeResult:
        rows = [(name, _about(name, info)) for name, info in FORMATS.items()]
        yield RowList(TableRows(COLUMNS, rows, list(FORMATS)))
        yield Label(
            f"{self.app.key('list.open')} writes a new folder into the run's exports: the best weights, an example, "
            "and how closely they were found to match.",
            classes="note",
            markup=False,
        )

    @on(RowList.Selected)
    def _choose(self) -> None:
        row = self.query_one(RowList).row
        if row is not None:
            self.dismiss(row[0])


def _about(name: str, info: FormatInfo) -> str:
    return f"{info.about} (needs ./run.sh setup {name})" if info.missing else info.about
