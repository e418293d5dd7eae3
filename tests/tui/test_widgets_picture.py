"""The picture: fitting, colours, few bytes, and what its keys do."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from rich.color import ColorType
from rich.console import Console
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding

from fext_tui.widgets.half_blocks import draw_pixels, encode_colours
from fext_tui.widgets.picture import Picture
from fext_tui.widgets.pixel_strip import cells_to_strip

RED, BLUE = 0xFF0000, 0x0000FF


class Host(App[None]):
    BINDINGS: ClassVar = [Binding("left", "note('left')"), Binding("h", "note('h')"), Binding("0", "note('0')")]

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []

    def compose(self) -> ComposeResult:
        yield Picture(empty="nothing here")

    def action_note(self, key: str) -> None:
        self.noted.append(key)


def lines(picture: Picture) -> list[str]:
    return [picture.render_line(y).text for y in range(picture.size.height)]


def colours(picture: Picture, y: int) -> list[tuple[int, int, int] | None]:
    """The background colour of each cell of line `y`."""
    found: list[tuple[int, int, int] | None] = []
    for segment in picture.render_line(y):
        back = segment.style.bgcolor if segment.style else None
        found += [tuple(back.triplet) if back and back.triplet else None] * len(segment.text)
    return found


def gradient(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8)


async def test_placeholder_until_a_picture_comes():
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        picture = app.query_one(Picture)
        assert any("nothing here" in line for line in lines(picture))
        picture.show(np.full((8, 8, 3), 200, np.uint8))
        await pilot.pause()
        assert not any("nothing here" in line for line in lines(picture))
        picture.show(None)
        assert any("nothing here" in line for line in lines(picture))


@pytest.mark.parametrize(
    ("shape", "filled"),
    [((100, 100, 3), (20, 10)), ((50, 200, 3), (40, 5)), ((400, 10), (1, 10)), ((1, 5000), (40, 1)), ((1, 1), (20, 10))],
)
async def test_fits_with_its_aspect_kept(shape, filled):
    app = Host()
    async with app.run_test(size=(40, 11)):
        picture = app.query_one(Picture)
        picture.show(np.full(shape, 255, np.uint8))
        painted = [[c == (255, 255, 255) for c in colours(picture, y)] for y in range(10)]
        rows = [y for y in range(10) if any(painted[y])]
        across = sum(painted[rows[0]])
        assert (across, len(rows)) == filled
        assert all(len(line) == 40 for line in lines(picture))


async def test_caption_shows_names_as_they_are():
    app = Host()
    async with app.run_test(size=(60, 10)) as pilot:
        picture = app.query_one(Picture)
        picture.show(gradient(20, 20), "[red]x[/] [/nope] \x1b[31m\u202e 漢字.png")
        await pilot.pause()
        caption = lines(picture)[-1]
        assert "[red]x[/] [/nope] \\x1b[31m\\u202e 漢字.png" in caption
        assert "\x1b" not in caption


async def test_keys_zoom_pan_and_pass_on():
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        picture = app.query_one(Picture)
        picture.focus()
        await pilot.press("h", "left", "0")
        assert app.noted == ["h", "left", "0"], "no picture: every key goes on to the screen"
        image = np.zeros((100, 100, 3), np.uint8)
        image[:, :50] = (255, 0, 0)
        image[:, 50:] = (0, 0, 255)
        picture.show(image, "halves")
        await pilot.press("h")
        assert app.noted[-1] == "h" and len(app.noted) == 4
        await pilot.press("plus", "plus", "plus", "plus", *["l"] * 8)
        assert picture.zoom > 4 and "×5.06" in lines(picture)[-1]
        assert {c for c in colours(picture, 5) if c} == {(0, 0, 255)}
        await pilot.press(*["left"] * 40)
        assert {c for c in colours(picture, 5) if c} == {(255, 0, 0)}
        assert len(app.noted) == 4
        await pilot.press("0")
        assert picture.zoom == 1
        await pilot.press("minus")
        assert picture.zoom == 1


async def test_resized_keeps_every_line_full():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        picture = app.query_one(Picture)
        picture.show(gradient(90, 160), "a")
        for size in ((200, 60), (10, 3), (3, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert all(len(line) == size[0] for line in lines(picture))


def test_runs_share_a_sequence():
    strip = cells_to_strip([RED, RED, BLUE, BLUE, RED], [BLUE, BLUE, RED, BLUE, RED], "truecolor")
    assert [s.text for s in strip] == ["▀▀▄ █"]
    assert strip.cell_length == 5
    flat = cells_to_strip([RED] * 4, [RED] * 4, "truecolor")
    assert [(s.text, s.style) for s in flat] == [("    ", Style(bgcolor="#ff0000"))]


@pytest.mark.parametrize(("depth", "kind"), [("256", ColorType.EIGHT_BIT), ("16", ColorType.STANDARD)])
def test_palettes_are_dithered_by_ourselves(depth, kind):
    codes = encode_colours(gradient(32, 64), depth)
    assert codes.max() < (16 if depth == "16" else 256) and codes.min() >= (0 if depth == "16" else 16)
    strip = cells_to_strip(codes[0].tolist(), codes[1].tolist(), depth)
    assert {s.style.bgcolor.type for s in strip} == {kind}
    grey = np.full((16, 16, 3), 100, np.uint8)
    assert len(np.unique(encode_colours(grey, depth))) >= 2, "a grey between two colours is mixed of both"


def test_exact_palette_colours_stay():
    pixels = np.array([[[0, 0, 0], [255, 255, 255], [95, 135, 215]]], np.uint8)
    assert encode_colours(np.repeat(pixels, 8, axis=0), "256")[0, 2] == 16 + 36 + 12 + 4
    white_black = encode_colours(pixels, "16")[0]
    assert white_black[0] == 0 and white_black[1] == 15


def test_without_colour_shades_tell_light_from_dark():
    pixels = np.repeat(np.linspace(0, 255, 40).astype(np.uint8)[None, :, None], 3, axis=2)
    codes = encode_colours(np.repeat(pixels, 2, axis=0), "none")
    text = cells_to_strip(codes[0].tolist(), codes[1].tolist(), "none").text
    assert text[0] == " " and text[-1] == "█" and len(set(text)) == 5


def test_a_moving_frame_keeps_to_its_bytes_and_a_still_one_to_the_picture():
    noise = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    console = Console(force_terminal=True, color_system="truecolor")
    still, moving = (draw_pixels(noise, "truecolor", moving=m) for m in (False, True))
    assert sum(len(s.render(console).encode()) for s in moving) < 90_000
    assert len(still[0]._segments) > 100
    smooth = gradient(80, 120)
    shown = np.array([[s.style.bgcolor.triplet for s in strip for _ in s.text] for strip in draw_pixels(smooth, "truecolor")])
    assert np.abs(shown.astype(int) - smooth[1::2]).mean() < 24
