"""The Data screen: from an empty folder to a dataset that is measured, with every broken file and odd name shown."""

from __future__ import annotations

import os

from app_driver import idle, lines_of, make_images, notices, opened, press, screen_text, text_of, until
from hostile import build_hostile_folder
from textual.widgets import Input

from fext_tui.screens.data_health import HealthPane
from fext_tui.widgets.histogram import Histogram
from fext_tui.widgets.path_input import PathInput
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.row_list import RowList


async def test_from_an_empty_folder_to_the_sample_dataset(workspace):
    async with opened(workspace) as (app, pilot):
        shown = screen_text(app)
        assert "There are no images here yet" in shown and str(workspace.images) in shown
        assert "sample dataset (m)" in shown and "Open a folder (o)" in shown
        assert app.focused.id == "make-sample"
        await press(pilot, "m")
        await idle(pilot)
        await until(pilot, lambda: app.screen.view.images.count() > 300, "the list of the new images")
        found = f"{app.screen.view.images.count()} images found"
        await until(pilot, lambda: found in text_of(app, "#summary"), "the summary")
        assert app.focused.id == "images" and app.focused.row[0].endswith(("jpg", "png"))
        await until(pilot, lambda: app.screen.query_one(PictureFile).picture.has_image, "the preview")
        await press(pilot, "m")
        assert "holds images already" in notices(app)[-1]


async def test_another_folder_is_opened_and_a_bad_one_refused_where_it_is_typed(workspace, tmp_path):
    folder = make_images(tmp_path / "my [red]pictures[/x]", 3)
    async with opened(workspace) as (app, pilot):
        await press(pilot, "o")
        dialog = app.screen
        line = dialog.query_one(PathInput)
        line.value = str(tmp_path / "nowhere")
        await press(pilot, "enter")
        assert app.screen is dialog and "there is no such folder" in screen_text(app)
        assert app.settings.dataset.images == ""
        line.value = str(folder)
        await press(pilot, "enter")
        await until(pilot, lambda: app.screen.view.images.count() == 3, "the images of the other folder")
        assert app.settings.dataset.images == str(folder)
        assert "my [red]pictures[/x]" in screen_text(app).splitlines()[0]
        await press(pilot, "o")
        app.screen.query_one(Input).value = ""
        await press(pilot, "enter")
        await until(pilot, lambda: app.screen.view.root == workspace.images, "the workspace's own folder")
        assert app.focused.id == "make-sample"


async def test_a_folder_typed_into_the_form_is_shown_when_one_leaves_the_form(workspace, tmp_path):
    folder = make_images(tmp_path / "other", 3)
    async with opened(workspace) as (app, pilot):
        await press(pilot, "s")
        app.focused.value = "~nobody at all"
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen.view.root.name == "~nobody at all", "the folder that does not exist")
        await press(pilot, "s")
        app.focused.value = str(folder)
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen.view.root == folder, "the other folder")


async def a_measure_is_drawn_and_the_next(app, pilot):
    histogram = app.screen.query_one(Histogram)
    await until(pilot, lambda: "Nothing measured" not in "".join(lines_of(histogram)), "the first histogram")
    before = list(lines_of(histogram))
    await press(pilot, "down")
    await until(pilot, lambda: list(lines_of(histogram)) != before, "the next measure's histogram")


async def test_analyze_a_hostile_folder_and_look_at_every_table(workspace):
    expected = build_hostile_folder(workspace.images)
    broken = {name for name, status in expected.items() if status != "ok"}
    async with opened(workspace) as (app, pilot):
        assert app.screen.view.images.count() == len(expected)
        await press(pilot, "a")
        await until(pilot, lambda: app.active_jobs, "the job")
        await idle(pilot)
        await until(pilot, lambda: app.screen.view.issues, "the report")
        images = app.screen.view.images
        names = [row[0] for row in images.rows(0, 1000)]
        assert set(names) == set(expected)
        await press(pilot, "]")
        health = app.screen.query_one(HealthPane)
        await until(pilot, lambda: app.focused.id == "issues" and health.files, "the issues")
        await press(pilot, "home")
        await until(pilot, lambda: health.entry.name == "broken" and health.files.count() == len(broken), "the broken files")
        await pilot.pause()
        rows = health.rows
        shown = [rows.row_at(n) for n in range(rows.row_count)]
        assert {row[0] for row in shown} == broken
        assert all(row[1] == expected[row[0]] for row in shown)
        for name in ("statistics", "drift", "classes", "reports"):
            await press(pilot, "]")
            await until(pilot, lambda name=name: app.focused.id == name and app.focused.row_count, f"the table {name}")
            await pilot.pause()
            assert all(line.isprintable() for line in screen_text(app).splitlines())
            if name == "statistics":
                await a_measure_is_drawn_and_the_next(app, pilot)
        before = app.screen.view
        await press(pilot, "r")
        await until(pilot, lambda: app.screen.view is not before, "the dataset, read again")
        assert app.focused.id == "reports"
        await press(pilot, "]")
        await until(pilot, lambda: app.focused.id == "images", "the first table after the last")
        await press(pilot, "[")
        await until(pilot, lambda: app.focused.id == "reports", "and back")


async def test_the_preview_follows_the_cursor_and_says_what_is_broken(workspace):
    expected = build_hostile_folder(workspace.images)
    async with opened(workspace) as (app, pilot):
        rows, preview = app.screen.query_one("#images", RowList), app.screen.query_one(PictureFile)
        names = [row[0] for row in app.screen.view.images.rows(0, 1000)]
        chosen = ["broken/empty.jpg", "names/[red]x.png", "broken/bomb.png"]
        chosen += ["names/a\\nb.jpg", "names/\\x1b[31mred.jpg", "pipe.jpg"] if os.name != "nt" else []
        for name in chosen:
            rows.cursor = names.index(name)
            wanted = name.rpartition("/")[2]
            if expected[name] == "ok":
                await until(pilot, lambda wanted=wanted: preview.picture.has_image and wanted in screen_text(app), name)
            else:
                await until(pilot, lambda wanted=wanted: not preview.picture.has_image and wanted in preview.picture.empty, name)
                assert "cannot be shown" in screen_text(app)
            assert all(line.isprintable() for line in screen_text(app).splitlines())


async def test_a_damaged_database_leaves_the_images_to_be_seen(with_images):
    with_images.database.write_bytes(b"this is no database" * 100)
    async with opened(with_images) as (app, pilot):
        await until(pilot, lambda: any("was moved to fext_damaged_" in n for n in notices(app)), "the notice")
        assert app.screen.query_one("#images", RowList).row_count == 12
