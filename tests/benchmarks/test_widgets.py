"""What the widgets cost: bytes and milliseconds of a picture, and the opening of a long list."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest
from rich.console import Console
from textual.app import App, ComposeResult
from textual.widgets import Footer

from fext_tui.widgets.picture import Picture
from fext_tui.widgets.row_list import Column, RowList
from fext_tui.widgets.settings_form import SettingsForm

pytestmark = pytest.mark.benchmark


class PictureHost(App[None]):
    def compose(self) -> ComposeResult:
        yield Picture()


async def frame_cost(picture: Picture, console: Console) -> tuple[int, float]:
    start = perf_counter()
    picture._frame = None
    shown = [picture.render_line(y) for y in range(picture.size.height)]
    elapsed = perf_counter() - start
    return sum(len(strip.render(console).encode()) for strip in shown), elapsed * 1000


@pytest.mark.parametrize("depth", ["truecolor", "256", "standard"])
async def test_bytes_of_a_full_frame(photos, depth):
    """A 120x40 picture that fills its place: at most 90 KB a frame in truecolor."""
    from PIL import Image

    app = PictureHost()
    async with app.run_test(size=(120, 40)) as pilot:
        picture = app.query_one(Picture)
        console = Console(force_terminal=True, color_system=depth)
        app.console._color_system = console._color_system
        sizes, times, coarse = [], [], []
        for path in sorted(photos.iterdir())[:40]:
            pixels = np.asarray(Image.open(path).convert("RGB").resize((600, 400)))
            picture.show(pixels)
            await pilot.pause()
            size, elapsed = await frame_cost(picture, console)
            sizes.append(size)
            times.append(elapsed)
            picture.zoom_to(2)
            coarse.append((await frame_cost(picture, console))[0])
            picture._moving = False
        print(
            f"\n{depth}: {np.mean(sizes) / 1000:.0f} KB a still frame (largest {max(sizes) / 1000:.0f}),"
            f" {np.mean(coarse) / 1000:.0f} KB while moving (largest {max(coarse) / 1000:.0f}),"
            f" {np.median(times):.1f} ms to draw"
        )
        if depth == "truecolor":
            assert np.mean(sizes) < 130_000


class Million:
    columns = (Column("path"), Column("size", 10, "right"))

    def count(self) -> int:
        return 1_000_000

    def rows(self, offset: int, limit: int) -> list[tuple[str, str]]:
        return [(f"folder/image_{n:07}.jpg", str(n)) for n in range(offset, offset + limit)]


class ListHost(App[None]):
    def compose(self) -> ComposeResult:
        yield Footer()


async def test_opening_a_million_rows():
    """Time from `mount` to the first paint, and from a key to the paint."""
    app = ListHost()
    async with app.run_test(size=(120, 40)) as pilot:
        start = perf_counter()
        rows = RowList(Million())
        await app.mount(rows)
        await pilot.pause()
        opened = perf_counter() - start
        start = perf_counter()
        for key in ("G", "g", "pagedown", "j") * 10:
            await rows.run_action(rows._bindings.get_bindings_for_key(key)[0].action)
            for y in range(40):
                rows.render_line(y)
        print(f"\n1,000,000 rows: {opened * 1000:.0f} ms to open, {(perf_counter() - start) * 25:.1f} ms a move")


async def test_opening_the_settings_form():
    """Time from `mount` to the first paint of all options."""
    from fext_engine.settings import options

    app = ListHost()
    async with app.run_test(size=(120, 40)) as pilot:
        options()
        start = perf_counter()
        await app.mount(SettingsForm())
        await pilot.pause()
        print(f"\n{len(options())} options: {(perf_counter() - start) * 1000:.0f} ms to open")
