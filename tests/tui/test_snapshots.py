"""Every screen as a picture, at three sizes; `pytest tests/tui/test_snapshots.py --snapshot-update` takes new ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import textual
from app_driver import make_run, press, type_into, until
from hostile import encode
from textual.widgets import Input

from fext_engine.records import open_records
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace
from fext_tui.app import FextApp
from fext_tui.following import JobSnapshot, JobUpdated
from fext_tui.widgets.loss_plot import LossPlot
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.settings_form import SettingsForm

DRAWN_WITH = "8.2.8"
SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}

pytestmark = pytest.mark.skipif(
    textual.__version__ != DRAWN_WITH, reason=f"the pictures were taken with Textual {DRAWN_WITH}"
)


def flat(height: int, width: int) -> bytes:
    """A picture of one colour, stored without compression: the same bytes from every version of Pillow."""
    return encode(np.full((height, width, 3), (60, 110, 160), np.uint8), "PNG", compress_level=0)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace whose paths are the same everywhere: relative ones."""
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(Path("resources"))
    workspace.create()
    return workspace


@pytest.fixture
def filled(workspace):
    """The same with images and a run."""
    for number in range(40):
        path = workspace.images / ("cats", "dogs")[number % 2] / f"image_{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(flat(24, 36))
    run = make_run(workspace, "FextAE-Redux_20260102T030405", epochs=8)
    for sample in (run / "samples").iterdir():
        sample.write_bytes(flat(32, 96))
    with open_records(workspace.database) as records, records.connection as connection:
        connection.execute("UPDATE runs SET updated_at = 1704196800")  # noon of a day of another year
    return workspace


def take(snap_compare, workspace, size, prepare) -> bool:
    """Open the app with the defaults, bring it where the picture is to be taken, and compare."""

    async def arrive(pilot) -> None:
        await until(pilot, lambda: pilot.app.screen.query(SettingsForm), "the first screen")
        await until(pilot, lambda: pilot.app.screen.view is not None, "the dataset")
        await prepare(pilot, pilot.app)
        for line in pilot.app.screen.query(Input):
            line.cursor_blink = False
        await pilot.pause()

    app = FextApp(workspace)
    app.settings = Settings()
    return bool(snap_compare(app, terminal_size=SIZES[size], run_before=arrive))


async def picture_shown(pilot, app) -> None:
    await until(pilot, lambda: app.screen.query_one(PictureFile).picture.has_image, "the picture")


def test_data_empty(snap_compare, workspace):
    async def prepare(pilot, app) -> None:
        await until(pilot, lambda: app.focused is not None and app.focused.id == "make-sample", "the offer")

    assert take(snap_compare, workspace, "80x24", prepare)


@pytest.mark.parametrize("size", ["80x24", "120x40"])
def test_data(snap_compare, filled, size):
    assert take(snap_compare, filled, size, picture_shown)


@pytest.mark.parametrize("size", SIZES)
def test_model_in_training(snap_compare, filled, size):
    async def prepare(pilot, app) -> None:
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.query(SettingsForm), "the form")
        await until(pilot, lambda: app.screen.query_one(LossPlot).series("loss")[0], "the curve")
        await picture_shown(pilot, app)
        progress = {"stage": "training", "done": 2400, "total": 8000, "unit": "images", "rate": 92.1, "eta": 61}
        job = JobSnapshot("20260102T030405-train-0000", "train", app.screen.run, "running", progress)
        app.post_message(JobUpdated(job, ()))
        await until(pilot, lambda: app.screen.query_one("#jobs").display, "the job bar")

    assert take(snap_compare, filled, size, prepare)


def test_settings_with_a_wrong_value(snap_compare, filled):
    async def prepare(pilot, app) -> None:
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.query(SettingsForm), "the form")
        await press(pilot, "s")
        await type_into(pilot, "training.epochs", "0")

    assert take(snap_compare, filled, "80x24", prepare)


@pytest.mark.parametrize("size", ["80x24", "120x40"])
def test_viewer(snap_compare, filled, size):
    async def prepare(pilot, app) -> None:
        await press(pilot, "3")
        await until(pilot, lambda: app.screen.pictures is not None, "the list")
        await press(pilot, "n")
        await until(pilot, lambda: "image_002" in app.screen.query_one(PictureFile).picture.caption, "the second picture")

    assert take(snap_compare, filled, size, prepare)
