"""The Statistics table of the Data screen: a measure's histogram on both sides of the split, and its classes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from time import sleep

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_tui.measure_view import MeasureView, read_measure_view
from fext_tui.tables import TableRows
from fext_tui.widgets.box_plot import BoxPlot
from fext_tui.widgets.histogram import Histogram
from fext_tui.widgets.row_list import RowList

SETTLE_SECONDS = 0.05
"""A held key passes over measures without reading them."""


class MeasureRead(Message):
    """A worker has read the chosen measure."""

    def __init__(self, view: MeasureView) -> None:
        super().__init__()
        self.view = view


class MeasuresPane(Horizontal):
    """The summary of every measure, and the distribution of the chosen one."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._of: tuple[Path, int, int | None] | None = None

    def compose(self) -> ComposeResult:
        yield RowList(id="statistics", empty="Not analyzed yet")
        with Vertical(id="distribution"):
            yield Histogram(id="histogram")
            yield BoxPlot(id="boxes")

    def show_table(
        self, table: TableRows, of: tuple[Path, int, int | None] | None, same_folder: bool
    ) -> None:
        """Show the measures of a database, root id and report id; None while nothing is analyzed."""
        rows = self.query_one(RowList)
        self._of = of
        rows.set_source(table, cursor=rows.cursor if same_folder else 0)
        self._choose()

    @on(RowList.Highlighted)
    def _choose(self) -> None:
        row = self.query_one(RowList).row
        if row is None or self._of is None:
            self.query_one(Histogram).clear()
            self.query_one(BoxPlot).show(())
        else:
            self._read_measure(*self._of, row[0])

    @work(thread=True, exclusive=True, group="measure", exit_on_error=False)
    def _read_measure(self, database: Path, root_id: int, report_id: int | None, measure: str) -> None:
        worker = get_current_worker()
        sleep(SETTLE_SECONDS)
        if worker.is_cancelled:
            return
        try:
            view = read_measure_view(database, root_id, report_id, measure)
        except (FextError, sqlite3.Error) as error:
            view = MeasureView(measure, str(error), {}, (), ())
        if not worker.is_cancelled:
            self.post_message(MeasureRead(view))

    @on(MeasureRead)
    def _show_measure(self, message: MeasureRead) -> None:
        view, row = message.view, self.query_one(RowList).row
        if row is not None and row[0] == view.measure:
            self.query_one(Histogram).show_channels(view.counts, view.edges, title=view.title)
            self.query_one(BoxPlot).display = bool(view.boxes)
            self.query_one(BoxPlot).show(view.boxes, title=" by class: p5, quartiles, median, p95")
