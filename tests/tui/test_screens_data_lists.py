"""The Data screen's lists: filter, order, issues, exclusion, the way to the Viewer and to a CSV file, reports."""

from __future__ import annotations

import csv

import pytest
from app_driver import notices, opened, press, screen_text, text_of, until
from recorded_dataset import ODD_NAME, excluded, make_recorded
from textual.widgets import Input

from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.screens.data_health import HealthPane
from fext_tui.screens.data_images import ImagesPane
from fext_tui.screens.viewer import ViewerScreen
from fext_tui.widgets.box_plot import BoxPlot
from fext_tui.widgets.row_list import RowList

SIZES = [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in ((120, 40), (200, 60)))]


def shown(rows: RowList) -> list[str]:
    return [rows.row_at(n)[0] for n in range(rows.row_count)]


async def images_of(app, pilot) -> RowList:
    await until(pilot, lambda: app.screen.view.scanned, "the folder was read")
    await until(pilot, lambda: app.focused is not None and app.focused.id == "images", "the list")
    return app.screen.query_one("#images", RowList)


@pytest.mark.parametrize("size", SIZES)
async def test_a_filter_is_typed_refused_where_it_stands_applied_and_cleared(workspace, size):
    names = make_recorded(workspace)
    async with opened(workspace, size=size) as (app, pilot):
        rows = await images_of(app, pilot)
        await press(pilot, "slash")
        line = app.screen.query_one("#filter", Input)
        assert app.focused is line
        line.value = "clas = 'a' and"
        await press(pilot, "enter")
        assert "did you mean class" in screen_text(app) and app.focused is line and line.cursor_position == 0
        assert shown(rows) == names
        line.value = "class = 'a' and not path contains '00' and status = 'ok'"
        await press(pilot, "enter")
        await until(pilot, lambda: rows.row_count == 1, "the chosen image")
        assert shown(rows) == ["a/010.png"] and app.focused is rows
        assert "1 of 14 images" in text_of(app, "#list-note")
        before = app.screen.view
        await press(pilot, "r")
        await until(pilot, lambda: app.screen.view is not before, "the dataset, read again")
        await until(pilot, lambda: shown(rows) == ["a/010.png"], "the filtered list")
        line.value = "class = 'nothing [red]'"
        await press(pilot, "slash", "enter")
        await until(pilot, lambda: "No image is like that" in screen_text(app), "the empty list")
        await press(pilot, "d", "D", "enter")
        assert "The list is empty." in notices(app)[-1]
        await press(pilot, "escape")
        await until(pilot, lambda: shown(rows) == names, "all images")
        assert not line.display and app.focused is rows


async def test_the_filter_waits_for_an_analysis(with_images):
    async with opened(with_images) as (app, pilot):
        await images_of(app, pilot)
        for key in ("slash", "comma", "d", "D", "w"):
            await press(pilot, key)
            assert "Analyze the folder first" in notices(app)[-1]


async def test_the_list_is_sorted_by_a_column_chosen_turned_and_clicked(workspace):
    names = make_recorded(workspace)
    async with opened(workspace, size=(120, 40)) as (app, pilot):
        rows = await images_of(app, pilot)
        await press(pilot, "comma", *"entr", "enter")
        await until(pilot, lambda: rows.row_count == 14 and "sorted by entropy ▲" in screen_text(app), "the order")
        at = app.screen.query_one(ImagesPane).files.names.index("entropy")
        first = [float(rows.row_at(n)[at] or "inf") for n in range(14)]
        assert first == sorted(first) and first[-1] == float("inf")
        assert "entropy ▲" in screen_text(app)
        await press(pilot, "full_stop")
        await until(pilot, lambda: "sorted by entropy ▼" in screen_text(app), "the other way")
        turned = [float(rows.row_at(n)[at] or "-inf") for n in range(14)]
        assert turned == sorted(turned, reverse=True)
        await pilot.click(rows, offset=(3, 0))
        await until(pilot, lambda: shown(rows) == names, "by path again")
        await pilot.click(rows, offset=(3, 0))
        await until(pilot, lambda: shown(rows) == names[::-1], "the other way")


async def test_an_image_is_excluded_marked_and_taken_back(workspace):
    make_recorded(workspace)
    async with opened(workspace, size=(120, 40)) as (app, pilot):
        rows = await images_of(app, pilot)
        rows.cursor = shown(rows).index(ODD_NAME)
        await press(pilot, "d")
        await until(pilot, lambda: rows.row[1] == "excluded", "the mark")
        assert excluded(workspace) == [ODD_NAME]
        health = app.screen.query_one(HealthPane)
        await until(pilot, lambda: any(e.name == "excluded" and e.count == 1 for e in health.entries), "the count")
        await press(pilot, "d")
        await until(pilot, lambda: rows.row[1] == "ok", "back in")
        assert excluded(workspace) == [] and (workspace.images / ODD_NAME).exists()


@pytest.mark.parametrize("size", SIZES)
async def test_the_files_of_an_issue_worst_first_are_excluded_together(workspace, size):
    make_recorded(workspace)
    async with opened(workspace, size=size) as (app, pilot):
        await images_of(app, pilot)
        await press(pilot, "]")
        health = app.screen.query_one(HealthPane)
        issues = app.screen.query_one("#issues", RowList)
        await until(pilot, lambda: app.focused is issues and health.files is not None, "the issues")
        assert [entry.name for entry in health.entries] == ["broken", "dark", "exact_duplicate"]
        issues.cursor = 1
        await until(pilot, lambda: health.rows.row_count == 5, "the dark ones")
        await pilot.pause()
        await until(pilot, lambda: "mean is low: 0" in text_of(app, "#meaning"), "why the first is here")
        assert "a dark\\u202e one" in text_of(app, "#meaning")
        assert all(line.isprintable() for line in screen_text(app).splitlines())
        dark = shown(health.rows)
        await press(pilot, "enter", "D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        await press(pilot, "n")
        assert not isinstance(app.screen, ConfirmDialog) and excluded(workspace) == []
        await press(pilot, "D", "y")
        await until(pilot, lambda: excluded(workspace) == sorted(dark), "all dark ones out")
        await until(pilot, lambda: health.entries[-1].name == "excluded" and health.entries[-1].count == 5, "the count")
        await until(pilot, lambda: all(health.files.is_excluded(n) for n in range(5)), "the marks")
        await press(pilot, "D", "y")
        await until(pilot, lambda: excluded(workspace) == [], "all back in")
        issues.cursor = 2
        await until(pilot, lambda: health.rows.row_count == 4 and health.files.issue == "exact_duplicate", "the copies")
        copies = [row["path"] for row in health.files.read(0, 9) if row["direction"] == "copy"]
        await press(pilot, "D", "y")
        await until(pilot, lambda: excluded(workspace) == sorted(copies), "the copies alone are out")


async def test_enter_opens_the_viewer_with_the_list_in_hand(workspace):
    make_recorded(workspace)
    async with opened(workspace) as (app, pilot):
        rows = await images_of(app, pilot)
        await press(pilot, "slash")
        app.screen.query_one("#filter", Input).value = "class in ('b', 'odd')"
        await press(pilot, "enter")
        await until(pilot, lambda: rows.row_count == 7, "the chosen images")
        chosen = shown(rows)
        await press(pilot, "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ViewerScreen) and app.screen.tab == "list", "the Viewer")
        viewer = app.screen
        pictures = viewer.query_one(RowList)
        await until(pilot, lambda: pictures.row_count == 7 and pictures.cursor == 2, "the list")
        assert shown(pictures) == chosen
        await press(pilot, "G")
        await until(pilot, lambda: "[red]x[b].png" in screen_text(app), "the odd name")
        await press(pilot, "1", "]")
        health = app.screen.query_one(HealthPane)
        await until(pilot, lambda: app.focused.id == "issues" and health.files is not None, "the issues")
        await press(pilot, "home", "down", "enter", "down", "enter")
        await until(pilot, lambda: app.screen is viewer and pictures.row_count == 5 and pictures.cursor == 1, "the other list")
        await press(pilot, "[", "]", "r")
        await until(pilot, lambda: pictures.row_count == 5, "the list is still in hand")


async def test_the_list_in_hand_is_written_as_csv(workspace):
    make_recorded(workspace)
    async with opened(workspace) as (app, pilot):
        rows = await images_of(app, pilot)
        await press(pilot, "comma", *"width", "enter", "w")
        await until(pilot, lambda: list(workspace.validation.glob("list_images_*.csv")), "the file")
        await until(pilot, lambda: any("14 rows are in" in notice for notice in notices(app)), "the notice")
        path = next(workspace.validation.glob("list_images_*.csv"))
        with path.open(encoding="utf-8", newline="") as file:
            written = list(csv.DictReader(file))
        assert [row["path"] for row in written] == shown(rows) and "noise_ratio" in written[0]
        await press(pilot, "]")
        health = app.screen.query_one(HealthPane)
        await until(pilot, lambda: app.focused.id == "issues" and health.files is not None, "the issues")
        await press(pilot, "home", "down")
        await until(pilot, lambda: health.rows.row_count == 5, "the dark ones")
        await press(pilot, "w")
        await until(pilot, lambda: list(workspace.validation.glob("list_dark_*.csv")), "the file")
        dark = next(workspace.validation.glob("list_dark_*.csv"))
        assert len(dark.read_text(encoding="utf-8").splitlines()) == 6


@pytest.mark.parametrize("size", SIZES)
async def test_a_measure_has_its_histograms_and_a_box_a_class(workspace, size):
    make_recorded(workspace, 30, report=True)
    async with opened(workspace, size=size) as (app, pilot):
        await images_of(app, pilot)
        await press(pilot, "]", "]")
        await until(pilot, lambda: "training" in screen_text(app) and "validation" in screen_text(app), "the histograms")
        boxes = app.screen.query_one(BoxPlot)
        lines = [boxes.render_line(y).text for y in range(boxes.size.height)]
        assert sum("┃" in line for line in lines) >= 2, "\n".join(lines)
        await press(pilot, "]", "]")
        await until(pilot, lambda: app.focused.id == "classes", "the classes")
        assert "█" in screen_text(app)


async def test_reports_are_compared_and_an_older_one_is_shown(workspace):
    make_recorded(workspace, report=True)
    make_recorded(workspace, 20, report=True)
    async with opened(workspace, size=(160, 40)) as (app, pilot):
        await images_of(app, pilot)
        await press(pilot, "[")
        await until(pilot, lambda: app.focused.id == "reports" and app.focused.row_count == 2, "the reports")
        newest, older = (app.focused.row_at(n)[3] for n in (0, 1))
        assert newest in text_of(app, "#summary")
        await press(pilot, "down")
        await until(pilot, lambda: f"From {older} to {newest}" in screen_text(app), "the comparison")
        changes = app.screen.query_one("#changes", RowList)
        rows = {row[0]: row[1:4] for row in map(changes.row_at, range(changes.row_count))}
        assert rows["files images"] == ("14", "22", "+8") and rows["class a"] == ("6", "10", "+4")
        await press(pilot, "enter")
        await until(pilot, lambda: older in text_of(app, "#summary"), "the older report")
        assert app.focused.row[0] == "●"
