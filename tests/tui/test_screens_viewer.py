"""The Viewer: four kinds of pictures, moving through them, and files that cannot be shown."""

from __future__ import annotations

from app_driver import make_images, make_run, opened, press, screen_text, until
from hostile import build_hostile_folder, encode, picture
from textual.widgets import Tabs

from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList


async def viewer(app, pilot):
    """Go to the Viewer and wait for its list; returns the list and the picture."""
    await press(pilot, "3")
    await until(pilot, lambda: app.screen.pictures is not None, "the list")
    return app.screen.query_one(RowList), app.screen.query_one(PictureFile)


async def test_the_four_kinds_of_pictures(with_images):
    make_images(with_images.inference, 3)
    make_run(with_images, "run [red]x")
    report = with_images.validation / "report"
    report.mkdir()
    (report / "drift.png").write_bytes(encode(picture(2), "PNG"))
    async with opened(with_images) as (app, pilot):
        rows, shown = await viewer(app, pilot)
        tabs = app.screen.query_one(Tabs)
        for kind, count in (("training", 12), ("inference", 3), ("reconstructions", 1), ("plots", 1)):
            await until(pilot, lambda kind=kind, count=count: tabs.active == kind and rows.row_count == count, kind)
            await until(pilot, lambda: shown.picture.has_image, "its picture")
            await press(pilot, "]")
        await until(pilot, lambda: tabs.active == "list" and "No list yet" in screen_text(app), "the list of another screen")
        await press(pilot, "]", "]", "]", "]")
        await until(pilot, lambda: tabs.active == "training", "the first kind again")
        await press(pilot, *"[[[[[[")
        await until(pilot, lambda: "run [red]x" in screen_text(app), "the run's name")


async def test_next_previous_first_last_and_full_width(with_images):
    async with opened(with_images) as (app, pilot):
        rows, shown = await viewer(app, pilot)
        for key, at in (("n", 1), ("n", 2), ("p", 1), ("G", 11), ("n", 11), ("g", 0), ("p", 0), ("end", 11), ("home", 0)):
            await press(pilot, key)
            assert rows.cursor == at, f"after {key}"
            await until(pilot, lambda: rows.row[0].rpartition("/")[2] in screen_text(app), "the name of the picture")
        narrow = shown.picture.size.width
        await press(pilot, "f", "n")
        assert shown.picture.size.width > narrow and not rows.display and rows.cursor == 1
        assert app.focused.region.area
        await press(pilot, "f")
        assert rows.display
        before = app.screen.pictures
        await press(pilot, "n", "r")
        await until(pilot, lambda: app.screen.pictures is not before, "the list, read again")
        assert rows.cursor == 2


async def test_every_file_of_a_hostile_folder_is_shown_or_explained(workspace):
    expected = build_hostile_folder(workspace.images)
    async with opened(workspace, size=(100, 30)) as (app, pilot):
        rows, shown = await viewer(app, pilot)
        assert rows.row_count == len(expected)
        for index in range(rows.row_count):
            rows.cursor = index
            name = rows.row[0]
            await until(pilot, lambda name=name: name.rpartition("/")[2] in shown.picture.empty, name)
            assert shown.picture.has_image == (expected[name] == "ok"), name
        await press(pilot, "n")
        assert all(line.isprintable() for line in screen_text(app).splitlines())


async def test_empty_kinds_say_where_pictures_come_from(workspace):
    async with opened(workspace) as (app, pilot):
        await viewer(app, pilot)
        for words in ("Data screen (1)", "No images to encode yet", "Training on the Model screen", "Analyze (Data screen)"):
            await until(pilot, lambda words=words: words in screen_text(app), words)
            await press(pilot, "n", "G", "]")


async def test_the_viewer_follows_the_folder_that_the_settings_name(with_images, tmp_path):
    other = make_images(tmp_path / "other", 2)
    async with opened(with_images) as (app, pilot):
        rows, _ = await viewer(app, pilot)
        await press(pilot, "1")
        app.settings = app.settings.with_options({"dataset.images": str(other)})
        await press(pilot, "3")
        await until(pilot, lambda: rows.row_count == 2, "the images of the other folder")
