"""The Viewer's reconstructions, contact sheet, information and exports, with real files."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from app_driver import make_images, make_run, notices, opened, press, screen_text, until
from hostile import build_hostile_folder, encode, picture
from PIL import Image
from recorded_dataset import ODD_NAME, make_recorded
from textual.widgets import Tabs

from fext_engine.evaluation.error_map import error_map
from fext_engine.training.sample_grid import GAP, SampleGrid
from fext_engine.workspace import write_atomic
from fext_tui.screens import viewer_stage
from fext_tui.widgets.contact_sheet import ContactSheet
from fext_tui.widgets.fact_list import FactList
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList

SIDE = 16


def make_samples(workspace, run: str, epochs: int, *, count: int = 3, told: bool = True) -> None:
    """Leave a run's sample pictures: originals over copies whose error falls from epoch to epoch."""
    folder = workspace.run(run) / "samples"
    folder.mkdir(parents=True)
    names = tuple(f"a/[red]{n}.png" for n in range(count))
    grid = SampleGrid(SIDE, SIDE, count, names)
    for epoch in range(1, epochs + 1):
        whole = Image.new("RGB", grid.size)
        for index in range(count):
            original = picture(index, SIDE, SIDE)
            off = (255 - original.astype(int)) // 2 ** epoch
            for row, pixels in enumerate((original, (original + off).astype(np.uint8))):
                whole.paste(Image.fromarray(pixels), grid.corner(index, row))
        options = {"pnginfo": grid.to_png_text()} if told else {}
        (folder / f"epoch_{epoch:04d}.png").write_bytes(encode(whole, "PNG", **options))
    if not told:
        toml = f"[dataset]\nimage_height = {SIDE}\nimage_width = {SIDE}\n"
        write_atomic(workspace.run(run) / "configuration.toml", toml)


async def viewer(app, pilot, kind: str = "training"):
    """Go to the Viewer's `kind`; returns the list and the picture."""
    await press(pilot, "3")
    await until(pilot, lambda: app.screen.pictures is not None, "the list")
    rows, shown = app.screen.query_one(RowList), app.screen.query_one(PictureFile)
    app.screen.query_one(Tabs).active = kind
    await until(pilot, lambda: app.screen.tab == kind and rows.row_count, kind)
    return rows, shown


async def test_a_sample_beside_its_reconstruction_and_error_epoch_by_epoch(workspace, monkeypatch):
    monkeypatch.setattr(viewer_stage, "PLAY_SECONDS", 0.01)
    make_run(workspace, "plain")  # a picture whose tiles nobody knows
    make_samples(workspace, "old", 2, told=False)
    make_samples(workspace, "new", 4)
    async with opened(workspace) as (app, pilot):
        rows, shown = await viewer(app, pilot, "reconstructions")
        captions: list[str] = []
        show = shown.picture.show_drawn
        monkeypatch.setattr(
            shown.picture, "show_drawn", lambda p, caption, *a, **k: (captions.append(caption), show(p, caption, *a, **k))
        )

        async def arrive(*parts: str) -> None:
            await until(pilot, lambda: all(part in shown.picture.caption for part in parts), str(parts))

        assert rows.row_count == 7
        keys = [s.key for s in app.screen.pictures.samples]
        rows.cursor = keys.index("new/0")
        await arrive("epoch 4", "[red]0.png", "MAE 0.0")
        assert shown.picture.titles[:2] == ("original", "reconstruction")
        assert "original" in screen_text(app) and "error 0 to 0.05" in screen_text(app)
        await press(pilot, "comma")
        await arrive("epoch 3")
        await press(pilot, "n")
        await arrive("epoch 3", "[red]1.png")  # the epoch stays
        await press(pilot, "less_than_sign", "less_than_sign", "comma")
        await arrive("epoch 1")
        await press(pilot, "greater_than_sign", "full_stop")
        await arrive("epoch 4")
        captions.clear()
        await press(pilot, "space")
        await until(pilot, lambda: "epoch 4" in shown.picture.caption and len(captions) >= 4, "the end of the play")
        assert [c.split("epoch ")[1][0] for c in captions] == ["1", "2", "3", "4"]
        assert "space stops" not in screen_text(app)

        rows.cursor = keys.index("old/2")
        await arrive("epoch 2", "sample 3", "PSNR")
        rows.cursor = keys.index("plain/-1")
        await arrive("plain")
        assert shown.picture.titles == ()

        make_samples(workspace, "another", 1)
        (workspace.run("old") / "samples" / "epoch_0002.png").write_bytes(b"not a picture")
        await press(pilot, "r")
        await until(pilot, lambda: rows.row_count == 8, "the new run; the old one's newest picture is damaged")
        rows.cursor = [s.key for s in app.screen.pictures.samples].index("old/-1")
        await until(pilot, lambda: "cannot be shown" in screen_text(app), "the reason")


async def test_the_contact_sheet_of_a_hostile_folder(workspace):
    expected = build_hostile_folder(workspace.images)
    async with opened(workspace, size=(120, 40)) as (app, pilot):
        rows, shown = await viewer(app, pilot)
        await press(pilot, "c")
        sheet = app.screen.query_one(ContactSheet)
        await until(pilot, lambda: sheet.places.per_page == 24 and app.focused is sheet, "the sheet")
        assert not rows.display and not shown.display
        words = {"ok": None, "not_an_image": "not an image", "truncated": "truncated"}
        seen = {}
        for page in range(-(-len(expected) // 24)):
            await until(pilot, lambda: all(s.index in sheet._tiles for s in sheet.subjects), f"page {page}")
            seen |= {s.name: sheet._tiles[s.index] for s in sheet.subjects}
            text = screen_text(app)
            assert all(line.isprintable() for line in text.splitlines())
            for name, status in expected.items():
                if words.get(status) and name in {s.name for s in sheet.subjects}:
                    assert words[status] in text
            await press(pilot, "pagedown")
        assert {name: tile.word or "ok" for name, tile in seen.items()} == expected
        assert all((tile.pixels is None) == bool(tile.word) for tile in seen.values())
        await press(pilot, "g", "l", "j", "n")
        assert sheet.cursor == 8 and rows.cursor == 8
        await press(pilot, "enter")
        await until(pilot, lambda: shown.display and rows.display and app.focused is rows, "the picture")
        await until(pilot, lambda: rows.row[0].rpartition("/")[2] in shown.picture.empty, "of the tile")
        await press(pilot, "c", "escape")
        assert shown.display


async def test_a_sheet_of_a_million_reads_only_what_is_in_view(workspace, monkeypatch):
    from fext_tui.listing import PictureList

    class Endless:
        def __len__(self):
            return 1_000_000

        def __getitem__(self, at):
            if isinstance(at, slice):
                return [f"{n:07}.png" for n in range(*at.indices(len(self)))]
            return f"{at:07}.png"

    read: list[int] = []
    from fext_tui import contact_tiles

    shrunk = contact_tiles._shrunk
    monkeypatch.setattr(contact_tiles, "_shrunk", lambda s, *a: (read.append(s.index), shrunk(s, *a))[1])
    make_images(workspace.images, 1)
    async with opened(workspace, size=(80, 24)) as (app, pilot):
        await viewer(app, pilot)
        app.screen.take(PictureList(workspace.images, Endless()), 500_000)
        await until(pilot, lambda: app.screen.tab == "list" and app.screen.pictures.count() == 1_000_000, "the list")
        await press(pilot, "c")
        sheet = app.screen.query_one(ContactSheet)
        await until(pilot, lambda: "500,001 of 1,000,000" in screen_text(app), "the page")
        await press(pilot, *["pagedown"] * 30, "G")
        await until(pilot, lambda: sheet.subjects and sheet.subjects[-1].index == 999_999, "the last page")
        await until(pilot, lambda: 999_999 in sheet._tiles, "its tiles")
        assert len(read) <= 32 * sheet.places.per_page
        assert "unreadable" in screen_text(app)


def unbroken(app, widget) -> str:
    """What a widget shows, without blanks and without the ends of lines, which a long path may have anywhere."""
    x, y, width, height = widget.region
    lines = screen_text(app).splitlines()[y : y + height]
    return "".join("".join(line[x : x + width].split()) for line in lines).replace("│", "")


async def test_information_of_an_analyzed_image_a_broken_one_and_a_plot(workspace):
    make_recorded(workspace, report=True)
    async with opened(workspace, size=(140, 60)) as (app, pilot):
        rows, _ = await viewer(app, pilot)
        rows.cursor = app.screen.pictures.find(ODD_NAME)
        await press(pilot, "i")
        facts = app.screen.query_one(FactList)
        await until(pilot, lambda: "laplacian_variance" in screen_text(app), "its measures")
        text = screen_text(app)
        for words in ("[red]x[b].png", "SHA-256", "PNG", "RGB, 8 bit", "upright", "odd", " % ", "in training"):
            assert words in text, words
        rows.cursor = app.screen.pictures.find("a/broken.jpg")
        await until(pilot, lambda: "cannot be shown" in screen_text(app) and "at the analysis" in screen_text(app), "the reason")
        app.screen.query_one(Tabs).active = "plots"
        await until(pilot, lambda: "summary.json" in unbroken(app, facts), "the report's words")
        await press(pilot, "i")
        assert not facts.display and app.focused.region.area


@pytest.mark.parametrize("size", [(80, 24), pytest.param((200, 60), marks=pytest.mark.slow)])
async def test_exports_are_at_full_size_and_never_overwrite(workspace, size):
    make_samples(workspace, "run", 2)
    name = "a/[red]x\n.png"
    path = workspace.images / name
    path.parent.mkdir()
    path.write_bytes(encode(picture(1, 900, 1700), "PNG"))
    exports = workspace.validation / "exports"
    async with opened(workspace, size=size) as (app, pilot):
        await viewer(app, pilot)

        async def export(count: int):
            await press(pilot, "w")
            await until(pilot, lambda: len(list(exports.glob("[!.]*.png"))) == count, f"{count} files")
            await until(pilot, lambda: sum("Exported" in n for n in notices(app)) == count, "where it is")

        await export(1)
        await export(2)
        one, two = sorted(exports.iterdir())
        assert Image.open(one).size == Image.open(two).size == (1700, 900)
        assert one.name.isascii() and str(exports) in notices(app)[0]
        await press(pilot, "c")
        await export(3)
        await press(pilot, "c")
        await viewer(app, pilot, "reconstructions")
        await export(4)
        figure = next(p for p in exports.iterdir() if p.name.startswith("run_"))
        with Image.open(figure) as image:
            pixels = np.asarray(image)
        assert pixels.shape[1] == 3 * 256 + 4 * 12
        original = picture(0, SIDE, SIDE)
        found = [y for y in range(len(pixels)) if (pixels[y, 12] == original[0, 0]).all()]
        assert found and (pixels[found[0], 12 : 12 + 256 : 16] == original[0]).all()


def test_the_error_map_says_its_range_and_keeps_its_order():
    original = np.zeros((10, 10, 3), np.uint8)
    other = original.copy()
    other[0, 0] = 255
    few = error_map(original, other)
    assert few.top == 0.05 and few.largest == 1 and few.mae == pytest.approx(0.01)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    light = error_map(np.zeros_like(ramp), ramp).pixels.astype(float) @ (0.299, 0.587, 0.114)
    assert (np.diff(light[0]) > -1).all() and light[0, -1] > 200 and light[0, 0] < 10
    same = error_map(ramp, ramp)
    assert same.largest == 0 and same.psnr == 100 and not same.pixels[..., 0].any()


def test_a_grid_that_does_not_fit_its_picture_is_none(workspace):
    from fext_engine.training.sample_grid import read_grid

    make_samples(workspace, "run", 1)
    path = workspace.run("run") / "samples" / "epoch_0001.png"
    assert read_grid(path).count == 3
    wrong = SampleGrid(SIDE + 1, SIDE, 3)
    path.write_bytes(encode(picture(0, 2 * SIDE + GAP, 3 * SIDE + 2 * GAP), "PNG", pnginfo=wrong.to_png_text()))
    assert read_grid(path) is None
    path.write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    assert read_grid(path) is None


@pytest.mark.parametrize(
    ("asked", "words"), [("kitty", "fext[pixels]"), ("vga", "may be kitty, sixel, iterm or off"), (None, "FEXT_PIXELS")]
)
async def test_real_pixels_say_what_is_missing(workspace, monkeypatch, asked, words):
    from fext_tui import pixels

    class Fresh(pixels._Pixels):
        pass

    monkeypatch.setattr(pixels, "_Pixels", Fresh)
    monkeypatch.setitem(sys.modules, "textual_image", None)
    monkeypatch.setitem(sys.modules, "textual_image.widget", None)
    monkeypatch.setenv("FEXT_PIXELS", asked or "off")
    pixels.load_pixels()
    make_images(workspace.images, 2)
    async with opened(workspace) as (app, pilot):
        _, shown = await viewer(app, pilot)
        await until(pilot, lambda: shown.picture.has_image, "half blocks")
        assert any(words in notice for notice in notices(app)) == (asked is not None)
        await press(pilot, "z")
        assert any(words in notice for notice in notices(app))
        assert shown.picture.display


async def test_real_pixels_take_the_place_of_a_still_and_give_way(workspace, monkeypatch):
    from textual.widget import Widget

    from fext_tui import pixels

    class Fake(Widget):
        image = None

    sizes = []
    monkeypatch.setattr(pixels._Pixels, "widget", Fake)
    monkeypatch.setattr("fext_tui.widgets.pixel_picture.show_pixels", lambda w, image, *room: sizes.append(image.size))
    make_samples(workspace, "run", 1)
    async with opened(workspace) as (app, pilot):
        _, shown = await viewer(app, pilot, "reconstructions")
        await until(pilot, lambda: sizes and not shown.picture.display, "real pixels")
        assert sizes[-1] == (3 * SIDE + 2 * 8, SIDE)
        await press(pilot, "f")
        assert app.focused.region.area
        await press(pilot, "z")
        assert shown.picture.display and app.focused.region.area
