"""The Viewer's similar images, near-duplicates and map, with encodings made of plain numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest
from app_driver import make_images, notices, opened, press, screen_text, until
from hostile import build_hostile_folder, encode, picture
from seen_encoding import around, make_anomalies, make_encoding
from textual.widgets import Tabs

from fext_engine.images.scan import scan
from fext_tui.following import JobSnapshot
from fext_tui.widgets.contact_sheet import ContactSheet
from fext_tui.widgets.path_input import PathInput
from fext_tui.widgets.picture_file import PictureFile
from fext_tui.widgets.point_map import PointMap
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.title_line import TitleLine


async def viewer(app, pilot):
    """Go to the Viewer; returns its list and picture."""
    await press(pilot, "3")
    await until(pilot, lambda: app.screen.pictures is not None and app.screen.pictures.count(), "the list")
    return app.screen.query_one(RowList), app.screen.query_one(PictureFile)


async def test_neighbours_step_by_step_and_the_way_back(with_images):
    make_encoding(with_images, with_images.images, around(12), "old", made="2025-01-01T00:00:00+00:00")
    make_encoding(with_images, with_images.images, around(12), "new [red]x")
    make_encoding(with_images, make_images(with_images.root / "elsewhere", 3), around(3), "newest, of another folder",
                  made="2026-05-01T00:00:00+00:00")  # fmt: skip
    (with_images.inference / "broken").mkdir()
    (with_images.inference / "broken" / "manifest.json").write_text("{}")
    async with opened(with_images) as (app, pilot):
        rows, shown = await viewer(app, pilot)
        paths = [file.path for file in scan(with_images.images)]
        rows.cursor = 3
        await press(pilot, "a")
        sheet = app.screen.query_one(ContactSheet)
        await until(pilot, lambda: app.screen.tab == "similar" and sheet.display and sheet.subjects, "the neighbours")
        names = app.screen.pictures.names
        assert names[0] == paths[3] and set(names[1:3]) == {paths[2], paths[4]} and len(set(names)) == len(names) == 12
        expected = 1 - np.cos(np.pi / 2 / 11)
        assert f"{expected:.4f}" in screen_text(app) and "query" in screen_text(app)
        subject = app.screen.query_one(TitleLine).subject
        assert subject == f"{paths[3].rpartition('/')[2]} · cosine · new [red]x"
        assert app.focused is sheet and sheet.cursor == 1

        await press(pilot, "enter")
        await until(pilot, lambda: len(shown.picture.titles) == 2, "both pictures")
        assert "query" in shown.picture.titles[0] and "distance" in shown.picture.caption
        nearest = names[1]
        await press(pilot, "i")
        await until(pilot, lambda: "metric" in screen_text(app), "the facts")
        await press(pilot, "i", "a")
        await until(pilot, lambda: app.screen.pictures.name(0) == nearest, "its own neighbours")
        assert not sheet.display or sheet.subjects[0].name == nearest
        rows.cursor = 0
        await press(pilot, "a", "backspace")
        await until(pilot, lambda: app.screen.pictures.name(0) == paths[3], "what was found before")
        assert rows.cursor == 1 and not sheet.display
        await press(pilot, "backspace")
        await until(pilot, lambda: app.screen.tab == "training" and rows.row_count == 12 and rows.cursor == 3, "the list")
        assert not sheet.display
        await press(pilot, "right_square_bracket", "E")
        await until(pilot, lambda: "newest, of another folder" in screen_text(app), "the encodings")
        assert any("manifest.json" in notice for notice in notices(app)), "the one that cannot be read"


async def test_near_duplicates_open_as_groups(with_images):
    vectors = np.eye(12)
    vectors[5], vectors[6], vectors[9] = vectors[4], 2 * vectors[4], vectors[8]
    make_encoding(with_images, with_images.images, vectors)
    async with opened(with_images, size=(100, 30)) as (app, pilot):
        rows, _ = await viewer(app, pilot)
        await press(pilot, "E", "d")
        await until(pilot, lambda: app.screen.tab == "similar" and rows.row_count == 2, "the groups")
        assert [row[0] for row in (rows.row_at(0), rows.row_at(1))] == ["3", "2"]
        assert "2 groups" in screen_text(app)
        await press(pilot, "enter")
        sheet = app.screen.query_one(ContactSheet)
        await until(pilot, lambda: sheet.display and len(sheet.subjects) == 3, "the images of a group")
        assert screen_text(app).count("0.0000") == 2
        await press(pilot, "backspace")
        await until(pilot, lambda: rows.row_count == 2 and rows.display, "the groups again")


async def test_a_file_from_outside_goes_to_the_encoder_unless_its_content_is_known(with_images, tmp_path, monkeypatch):
    make_encoding(with_images, with_images.images, around(12))
    copy, other = tmp_path / "a copy.png", tmp_path / "other.png"
    copy.write_bytes((with_images.images / "a" / "004.png").read_bytes())
    other.write_bytes(encode(picture(99), "PNG"))
    async with opened(with_images) as (app, pilot):
        rows, _ = await viewer(app, pilot)
        asked = []
        monkeypatch.setattr(app, "start_job", lambda verb, arguments=None: asked.append((verb, arguments)) or "job-1")

        async def search(file):
            await press(pilot, "o")
            app.screen.query_one(PathInput).value = str(file)
            await press(pilot, "enter")

        await search(copy)
        await until(pilot, lambda: app.screen.tab == "similar" and rows.row_count == 13, "its neighbours")
        assert app.screen.pictures.name(1) == "a/004.png" and app.screen.pictures.distances[1] == 0
        await search(other)
        await until(pilot, lambda: asked, "the job")
        verb, arguments = asked[0]
        assert verb == "search" and arguments["image"] == str(other)
        results = tmp_path / "similar.csv"
        results.write_text("rank,distance,path\n1,0.5,b/001.png\n")
        app.screen.finds.job_ended(JobSnapshot("job-1", "search", state="finished", summary={"results": str(results)}))
        await until(pilot, lambda: rows.row_count == 2, "what the job found")
        assert app.screen.pictures.path(0) == other and app.screen.pictures.name(1) == "b/001.png"
        await search(with_images.images)
        assert "not a file" in app.screen.query_one(PathInput).error


async def test_hostile_names_are_compared_and_drawn(workspace):
    expected = build_hostile_folder(workspace.images)
    good = [name for name, status in expected.items() if status == "ok"]
    odd = [name for name in good if any(part in name for part in ("/[red]", "\\x1b", "\\n", "\\xe9"))]
    assert len(odd) >= 3 or os.name == "nt"
    make_encoding(workspace, workspace.images, around(len(good)), "odd\x1b[31m[red]", paths=good)
    async with opened(workspace, size=(80, 24)) as (app, pilot):
        rows, _ = await viewer(app, pilot)
        for name in odd:
            await until(pilot, lambda: app.screen.stage.kind == "training" and rows.row_count == len(expected), "the list")
            rows.cursor = app.screen.pictures.find(name)
            await press(pilot, "a")
            await until(pilot, lambda name=name: app.screen.tab == "similar" and app.screen.pictures.name(0) == name, name)
            assert all(line.isprintable() for line in screen_text(app).splitlines())
            await press(pilot, "backspace")
        await press(pilot, "E", "m")
        plot = app.screen.query_one(PointMap)
        await until(pilot, lambda: plot.display and plot.size.height, "the map")
        for name in odd:
            plot.cursor = good.index(name)
            await pilot.pause()
            assert rows.cursor == plot.cursor
            assert all(line.isprintable() for line in screen_text(app).splitlines())


async def test_the_map_from_point_to_point(with_images):
    grid = np.array([(x, y) for x in (0, 10, 20, 30) for y in (0, 5, 10)], float)
    make_encoding(with_images, with_images.images, np.hstack([grid, np.zeros((12, 2))]))
    async with opened(with_images) as (app, pilot):
        rows, shown = await viewer(app, pilot)
        app.screen.query_one(Tabs).active = "map"
        plot = app.screen.query_one(PointMap)
        await until(pilot, lambda: plot.display and app.focused is plot, "the map")
        text = screen_text(app)
        assert "● a 6" in text and "● b 6" in text and "PCA" in text and text.count("◆") == 1
        assert not rows.display
        points = app.screen.pictures.points
        assert np.allclose(abs(points[:, 0] - points[0, 0]).max(), 30) and np.ptp(points[:, 1]) < 10.001
        plot.cursor = 4
        for key, (across, down) in {"right": (1, 0), "h": (-1, 0), "up": (0, 1), "j": (0, -1)}.items():
            at = points[plot.cursor]
            await press(pilot, key)
            moved = points[plot.cursor] - at
            assert np.allclose(moved, (10 * across, 5 * down)), (key, moved)
        await until(pilot, lambda: shown.picture.caption == rows.row[0].rpartition("/")[2], "the picture beside")
        fitted = plot.render_line(0).text
        app.clear_notifications()  # of the database that was made anew
        await press(pilot, *["plus"] * 6)
        assert "×11.4" in screen_text(app) and screen_text(app).count("◆") == 1
        await press(pilot, "shift+left", "0")
        assert plot.render_line(0).text == fitted
        await press(pilot, "t")
        assert any("is gone" in notice or "no run" in notice for notice in notices(app)), notices(app)
        await press(pilot, "enter")
        assert rows.display and not plot.display and app.focused is rows
        await press(pilot, "escape")
        assert plot.display and not rows.display and app.focused is plot
        await press(pilot, "c", "escape")
        assert plot.display and app.focused is plot


@pytest.mark.slow
async def test_a_map_of_100_000_points_answers_keys(workspace):
    count = 100_000
    vectors = np.random.default_rng(0).normal(size=(count, 4))
    make_encoding(workspace, workspace.images, vectors, paths=[f"c{n % 30}/{n:06}.png" for n in range(count)])
    make_images(workspace.images, 2)
    async with opened(workspace, size=(200, 60)) as (app, pilot):
        await viewer(app, pilot)
        app.screen.query_one(Tabs).active = "map"
        plot = app.screen.query_one(PointMap)
        await until(pilot, lambda: plot.display and app.focused is plot, "the map")
        assert plot.colouring.groups[-1] == ("20 more", 66_660)
        seen = set()
        for key in ("right", "down", "plus", "plus", "left", "shift+up", "t", "0", "n"):
            await press(pilot, key)
            seen.add(plot.cursor)
        assert len(seen) == 4


async def test_empty_kinds_say_what_to_do(workspace):
    async with opened(workspace, size=(80, 24)) as (app, pilot):
        await press(pilot, "3")
        await until(pilot, lambda: app.screen.pictures is not None, "the list")
        for kind, words in (("similar", "Nothing was searched for yet"), ("map", "No encoding yet: e on the Model screen (2)")):
            app.screen.query_one(Tabs).active = kind
            await until(pilot, lambda words=words: words in screen_text(app), words)
            await press(pilot, "n", "a", "backspace", "w", "u")
        await press(pilot, "E")
        await until(pilot, lambda: "No encoding yet" in screen_text(app), "the empty list")
        await press(pilot, "d", "m", "enter", "escape", "o")
        (workspace.root / "x.png").write_bytes(encode(picture(), "PNG"))
        app.screen.query_one(PathInput).value = str(workspace.root / "x.png")
        await press(pilot, "enter")
        await until(pilot, lambda: any("No encoding yet" in notice for notice in notices(app)), "the way to one")


async def test_anomalies_ranked_sorted_and_with_their_heat_maps(with_images):
    odd = with_images.images / "b" / "[red]x\n.png"
    odd.write_bytes(encode(picture(50, 40, 60), "PNG"))
    paths = [file.path for file in scan(with_images.images)]
    folder = make_encoding(with_images, with_images.images, around(13))
    async with opened(with_images) as (app, pilot):
        rows, shown = await viewer(app, pilot)
        jobs = []
        app.start_job = lambda verb, arguments=None: jobs.append((verb, arguments)) or "job-1"
        await press(pilot, "E")
        await until(pilot, lambda: app.screen.query_one(RowList).row_count == 1, "the encodings")
        await press(pilot, "a")
        await until(pilot, lambda: jobs and app.screen.tab == "anomalies", "the job")
        assert jobs == [("anomalies", {"encoding": str(folder), "heat_maps": True})]
        make_anomalies(folder)
        app.screen.job_moved(JobSnapshot("job-1", "anomalies", state="finished"))
        await until(pilot, lambda: rows.row_count == 13, "the ranked images")
        assert [row[:3] for row in (rows.row_at(0), rows.row_at(2))] == [("1", "!", "12"), ("3", "", "10")]
        assert "2 of 13 flagged" in app.screen.query_one(TitleLine).subject
        rows.cursor = next(n for n in range(13) if "red" in rows.row_at(n)[3])
        await until(pilot, lambda: len(shown.picture.titles) == 2 and "red" in shown.picture.caption, "the heat map")
        image, heat = (np.asarray(panel) for panel in shown.picture._panels)
        assert image.shape == heat.shape == (40, 60, 3)
        assert (heat[0, 0] == image[0, 0]).all() and (heat[-1] == image[-1]).all(), "where nothing is unusual"
        assert heat[15, 22].astype(int).sum() > 3 * 180, "pale where it is"
        await press(pilot, "i")
        await until(pilot, lambda: "mahalanobis" in screen_text(app) and "tail" in screen_text(app), "each score")
        await press(pilot, "i", "comma")
        await until(pilot, lambda: len(app.screen_stack) > 1, "the columns")
        await press(pilot, *"knn", "enter")
        assert rows.sorted_by == (2, True) and rows.row_at(0)[2] == "1.2"
        values = [float(rows.row_at(n)[2]) for n in range(13)]
        assert values == sorted(values, reverse=True)
        assert "[red]x" in rows.row[3], "the cursor stays on its image"
        await press(pilot, "full_stop")
        assert float(rows.row_at(0)[2]) == 0 and rows.sorted_by == (2, False)
        await press(pilot, "g", "y")
        assert app.clipboard == str(with_images.images / paths[0])
        await press(pilot, "Y")
        assert app.clipboard == str(folder / "anomalies" / "scores.csv")
        await press(pilot, "c")
        sheet = app.screen.query_one(ContactSheet)
        await until(pilot, lambda: sheet.display and sheet.subjects, "the sheet")
        assert "!12 " in screen_text(app)
        await press(pilot, "A")
        assert len(jobs) == 2
        with (folder / "rows.csv").open("a") as file:
            file.write(",new.png,,,,truncated,cut\n")
        await press(pilot, "c", "r")
        await until(pilot, lambda: app.screen.query_one(TitleLine).subject.startswith("outdated"), "the words")
        assert any("A does it again" in notice for notice in notices(app))
        (folder / "anomalies" / "scores.csv").write_text("nonsense")
        await press(pilot, "r")
        await until(pilot, lambda: "scores.csv is no table of anomalies" in unbroken(screen_text(app)), "the reason")


def unbroken(text: str) -> str:
    """Words that a pane has wrapped, as one line."""
    return " ".join(text.replace("│", " ").split())
