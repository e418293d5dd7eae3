"""Exporting what the Viewer shows, in a worker thread that says where it went."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui.shown_row import figure_reader
from fext_tui.widgets.contact_sheet import ContactSheet

if TYPE_CHECKING:
    from fext_tui.app import FextApp
    from fext_tui.screens.viewer_picture import PictureStage


class MapExport(Message):
    """The map that is shown is to be exported, by a job."""


def export_shown(stage: PictureStage) -> None:
    """Write what a stage shows as a PNG: a page of the contact sheet, the map, or the picture."""
    if stage.pictures is None or not stage.pictures.count():
        stage.notify("There is nothing to export.")
    elif stage.has_class("-sheet"):
        _export_page(stage)
    elif stage.has_class("-map"):
        stage.post_message(MapExport())
    else:
        _export_picture(stage)


def _export_picture(stage: PictureStage) -> None:
    """Write the figure of the row under the cursor at full size."""
    from fext_tui.exporting import export_figure, exports_folder

    assert stage.pictures is not None
    sample, name = stage.sample, stage.shown_name or "picture"
    if sample is not None:
        name = f"{sample.run}_{Path(sample.name).stem}_{sample.epoch(stage.epochs.at(sample))}"
    read = figure_reader(stage.pictures, stage.rows.cursor, stage.epochs, full=True)
    folder = exports_folder(stage.app.workspace)
    _write(stage, lambda: export_figure(read(), folder, name))


def _export_page(stage: PictureStage) -> None:
    """Write the page of the contact sheet that is in view."""
    from fext_tui.exporting import export_sheet, exports_folder

    sheet = stage.query_one(ContactSheet)
    name = f"contact_sheet_{stage.kind}_page_{sheet.page + 1}"
    subjects, columns = tuple(sheet.subjects), sheet.places.columns
    folder = exports_folder(stage.app.workspace)
    _write(stage, lambda: export_sheet(subjects, columns, folder, name))


def _write(stage: PictureStage, write: Callable[[], Path]) -> None:
    stage.run_worker(partial(_tell, stage.app, write), thread=True, group="export", exit_on_error=False)


def _tell(app: FextApp, write: Callable[[], Path]) -> None:
    """Say where a file was written, or why it was not."""
    try:
        path = write()
    except FextError as error:
        app.notify(str(error), title="Nothing was exported", severity="error")
    else:
        app.notify(escape_name(str(path)), title="Exported")
