"""Every screen and dialog at three sizes, in every number of colours: what is drawn is whole, apart and readable.

Some looks are kept as text and compared; `pytest tests/tui/test_looks.py --snapshot-update` takes new ones.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import textual
from app_driver import make_run, press, screen_text, type_into, until
from hostile import encode
from looks import DARK, LIGHT, differs, dump, faint_words, misplaced, shown_cells
from rich.console import Console
from seen_encoding import around, make_anomalies, make_encoding
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.command import CommandPalette
from textual.widgets import Input

from fext_engine.images.scan import scan
from fext_engine.jobs.run import run_here
from fext_engine.records import open_records
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace
from fext_tui.app import FextApp
from fext_tui.following import JobSnapshot, JobUpdated, LogLine
from fext_tui.widgets.loss_plot import LossPlot
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.settings_form import SettingsForm

SETTLING_TRIES = 40
DRAWN_WITH = "8.2.8"
SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
TERMINALS = {"truecolor": "truecolor", "256": "256", "16": "standard", "none": "truecolor", "none16": "standard"}
QUICK = ("truecolor",)  # the looks that are kept, and the focus on a plot
WHOLE = ("truecolor", "16")  # every look, which takes its time
RUN = "FextAE-Redux_20260102T030405"
PROGRESS = {"stage": "training", "done": 2400, "total": 8000, "unit": "images", "rate": 92.1, "eta": 61}


class LookExtension(SingleFileSnapshotExtension):
    """One text file a look."""

    _file_extension = file_extension = "txt"
    _write_mode = WriteMode.TEXT


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An analyzed dataset and two runs, with the same relative paths, bytes and times everywhere."""
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(Path("resources"))
    workspace.create()
    for number in range(40):
        path = workspace.images / ("cats", "dogs")[number % 2] / f"image_{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        colour = (60 + number, 110, 160) if number else (60, 110, 160)
        path.write_bytes(encode(np.full((24, 36, 3), colour, np.uint8), "PNG", compress_level=0))
    paths = [file.path for file in scan(workspace.images)]
    (workspace.images / "dogs" / "broken.png").write_bytes(b"no picture")
    run_here(workspace, "analyze", Settings().with_options({"device.num_workers": 0}), {})
    for name in ("first", RUN):
        run = make_run(workspace, name, epochs=8)
        for sample in (run / "samples").iterdir():
            sample.write_bytes(encode(np.full((32, 96, 3), (60, 110, 160), np.uint8), "PNG", compress_level=0))
    make_anomalies(make_encoding(workspace, workspace.images, around(40), paths=paths))
    with open_records(workspace.database) as records, records.connection as connection:
        connection.execute("UPDATE runs SET updated_at = 1704196800 + (name = ?)", (RUN,))
    return workspace


class Tour:
    """Brings the app from one look to the next, and finds what is wrong with each."""

    def __init__(self, pilot, depth: str) -> None:
        self.pilot, self.app, self.depth = pilot, pilot.app, depth
        self.wrong: list[str] = []

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)

    async def until(self, condition, what: str) -> None:
        await until(self.pilot, condition, what)

    async def picture(self) -> None:
        await self.until(lambda: self.app.screen.query_one(PictureFile).picture.has_image, "the picture")

    async def look(self, name: str, sizes, kept: bool):
        """Check how the screen looks: at the first size all, at others its layout; yield the lines to be compared."""
        for size in sizes:
            if tuple(self.app.size) != SIZES[size]:
                await self.pilot.resize_terminal(*SIZES[size])
            for line in self.app.screen.query(Input):
                line.cursor_blink = False
            await self.pilot.pause()
            where = f"{name} at {size} in {self.depth}, {self.app.theme}"
            if not isinstance(self.app.screen, CommandPalette):
                self.wrong += [f"{where}: {words}" for words in misplaced(self.app)]
            if kept or size == sizes[0]:
                lines = shown_cells(self.app)
                self.wrong += [f"{where}: {words}" for words in faint_words(lines, self.region, self.terminals)]
                if self.depth == "truecolor":  # the same colours as a terminal of 256 shows them
                    fewer = shown_cells(self.app, Console(color_system="256", force_terminal=True))
                    self.wrong += [f"{where}, 256: {words}" for words in faint_words(fewer, self.region, self.terminals)]
                yield size, lines
            if size == sizes[0]:
                await self.check_focus(where, lines)

    @property
    def terminals(self):
        return DARK if self.app.current_theme.dark else LIGHT

    @property
    def region(self):
        """What is to be read: of a dialog not the screen behind it."""
        screen = self.app.screen
        if isinstance(screen, CommandPalette):
            return screen.query_one("CommandList").region
        dialog = screen.query(".dialog")
        return dialog.first().region if dialog else screen.region

    async def check_focus(self, name: str, lines) -> None:
        screen, focused = self.app.screen, self.app.screen.focused
        if focused is None or len(screen.focus_chain) < 2:
            return
        place = next((a for a in focused.ancestors_with_self if a.has_class("pane")), focused)
        screen.set_focus(None)
        await self.pilot.pause()
        without = shown_cells(self.app)
        if not all(differs(without, lines, place.region, terminal) for terminal in self.terminals):
            self.wrong.append(f"{name}: the focus on {focused!r} is not seen")
        screen.set_focus(focused, scroll_visible=False)
        await self.pilot.pause()


def start(workspace, monkeypatch, depth: str) -> FextApp:
    """The app as it starts on such a terminal."""
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", TERMINALS[depth])
    if depth.startswith("none"):
        monkeypatch.setenv("NO_COLOR", "1")
    app = FextApp(workspace)
    app.settings = Settings()
    return app


def tours() -> list:
    quick = [pytest.param(depth, False, id=depth) for depth in QUICK]
    slow = [pytest.param(d, False, id=d, marks=pytest.mark.slow) for d in TERMINALS if d not in QUICK]
    return quick + slow + [pytest.param(d, True, id=f"{d}-whole", marks=pytest.mark.slow) for d in WHOLE]


@pytest.mark.parametrize(("depth", "whole"), tours())
async def test_every_look(workspace, monkeypatch, snapshot, depth, whole):
    looks = snapshot.use_extension(LookExtension)
    app = start(workspace, monkeypatch, depth)
    differing = []

    async with app.run_test(size=SIZES["80x24"]) as pilot:
        tour = Tour(pilot, depth)

        async def look(name: str, *, kept: bool = False) -> None:
            if not kept and not whole and name not in ("model-curves", "zoomed"):
                return
            kept = kept and not whole and depth in ("truecolor", "256", "16") and textual.__version__ == DRAWN_WITH
            everywhere = kept or (whole and depth == "truecolor")
            async for size, drawn in tour.look(name, list(SIZES) if everywhere else ["80x24"], kept):
                lines, tries = drawn, (SETTLING_TRIES if kept else 0)
                while tries and looks(name=f"{name}-{size}-{depth}") != steady(dump(lines)):
                    tries -= 1  # a machine at work may paint the last of it later, and a notice goes after a while
                    await pilot.pause(0.2)
                    lines = shown_cells(app)
                if kept and not tries:
                    differing.append(f"{name} at {size} in {depth}")
                    print(dump(lines))

        await until(pilot, lambda: app.screen.query(SettingsForm), "the first screen")
        await until(pilot, lambda: app.screen.view is not None and app.screen.view.report_id, "the dataset")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "images", "the list")
        await until(pilot, lambda: all(word in screen_text(app) for word in ("▲", "PNG RGB", "Table")), "all of it")
        await look("data", kept=True)
        await tour.press("slash", *"width > 1")
        await look("data-filter")
        await tour.press("escape")
        for table in ("health", "statistics", "drift", "classes", "reports") if whole else ():
            await tour.press("right_square_bracket")
            await look(f"data-{table}")
        await tour.press("question_mark")
        await look("help", kept=True)
        await tour.press("escape", "L")
        lines = tuple(LogLine(1.0, level, f"{level} word") for level in ("debug", "info", "warning", "error"))
        app.post_message(JobUpdated(JobSnapshot("20260102T030405-train-0000", "train", RUN, "running", PROGRESS), lines))
        await until(pilot, lambda: app.screen.query_one("#jobs").display, "the job bar")
        await tour.press("slash", *"word", "enter")
        await look("log")
        await tour.press("escape", "L", "q")
        await look("quit")
        await tour.press("escape", "2")
        await until(pilot, lambda: app.screen.query(SettingsForm), "the form")
        await until(pilot, lambda: app.screen.query_one(LossPlot).series("loss")[0], "the curve")
        await tour.picture()
        await look("model", kept=True)
        app.screen.query_one(LossPlot).focus()
        await look("model-curves")
        await tour.press("s", "2")
        await type_into(pilot, "training.epochs", "0")
        await look("form", kept=True)
        await tour.press("up")
        await look("form-choice")
        await type_into(pilot, "training.epochs", "7")
        await tour.press("escape")
        app.screen.query_one("#runs").focus()
        await tour.press("space", "down")
        await look("model-marked")
        for table in ("epochs", "compare"):
            await tour.press("right_square_bracket")
            await look(f"model-{table}")
        await tour.press("left_square_bracket", "left_square_bracket")
        dialogs = {
            "presets": ("p",), "preset-name": ("p", "w"), "differences": ("equals_sign",), "note": ("n",),
            "rename": ("R",), "delete": ("d",), "encode": ("e",), "export": ("w",),
        }  # fmt: skip
        for name, keys in dialogs.items():
            if not whole and name not in ("presets", "delete"):
                continue
            await tour.press(*keys)
            await until(pilot, lambda: len(app.screen_stack) > 1, name)
            await look(name, kept=name in ("presets", "delete"))
            while len(app.screen_stack) > 1:
                await tour.press("escape")
        pages = {"palette": "ctrl+p", "theme": "T", "jobs": "J", "maintenance": "M", "debug": "f12"}
        for name, key in pages.items() if whole else ():
            await tour.press(key)
            await until(pilot, lambda: len(app.screen_stack) > 1, name)
            await look(name)
            await tour.press("escape")
        await tour.press("3")
        await until(pilot, lambda: app.screen.pictures is not None, "the list")
        await tour.picture()
        await look("viewer", kept=True)
        await tour.press("c")
        await look("sheet")
        await tour.press("escape", "i")
        await look("facts")
        await tour.press("i", "tab", "plus")
        await look("zoomed")
        await tour.press("0", "shift+tab", "a")
        await until(pilot, lambda: app.screen.tab == "similar" and app.focused.id == "sheet", "the neighbours")
        await until(pilot, lambda: app.focused._tiles.keys() >= {s.index for s in app.focused.subjects}, "their tiles")
        await look("similar")
        await tour.press("enter")
        await until(pilot, lambda: app.screen.query_one(PictureFile).picture.titles, "both pictures")
        await look("similar-beside")
        await tour.press("E")
        await until(pilot, lambda: len(app.screen_stack) > 1 and "pooling" in screen_text(app), "the encodings")
        await look("encodings", kept=True)
        await tour.press("o")
        await until(pilot, lambda: app.screen.query(Input), "the line")
        await look("open-image")
        await tour.press("escape")
        app.screen.go_to("map")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "point-map", "the map")
        await tour.picture()
        await look("map", kept=True)
        app.screen.go_to("anomalies")
        await until(pilot, lambda: app.screen.pictures.noun == "images", "the ranks")
        await until(pilot, lambda: app.screen.query_one(PictureFile).picture.titles, "a heat map")
        await look("anomalies")
        if whole:
            app.theme = {"truecolor": "fext-light", "16": "ansi-light"}[depth]
            await look("anomalies-light")
            app.screen.go_to("map")
            await until(pilot, lambda: app.focused is not None and app.focused.id == "point-map", "the map")
            await look("map-light")
            await tour.press("1")
            await look("data-light")
            await tour.press("2", "s")
            await look("form-light")
            await tour.press("escape", "q")
            await look("quit-light")
    assert not tour.wrong, "\n".join(dict.fromkeys(tour.wrong))
    assert not differing, f"other than kept: {', '.join(differing)}"


def steady(text: str) -> str:
    """Without what is another at every run: the report's name and the time of day, wherever the line breaks."""
    return re.sub(r"analysis_\w+|\d{4}-\d\d-\d\d \d\d:\d\d", lambda found: "#" * len(found[0]), text)
