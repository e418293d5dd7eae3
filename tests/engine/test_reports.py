"""Reports as people use them: the page in a browser's eyes, figures and tables, per class, hostile names."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from hostile import encode, picture
from PIL import Image

from fext_engine.images.distributions import COMPARED_NAMES, SKETCH_POINTS
from fext_engine.images.drift import PERMUTATIONS, SIGNIFICANT
from fext_engine.images.measures import MEASURE_NAMES
from fext_engine.images.pixel_sums import sum_pixels
from fext_engine.images.thumbnails import SIDE, make_thumbnail, read_thumbnail
from fext_engine.jobs.run import run_here
from fext_engine.records import images as image_records
from fext_engine.records import open_records, report_details, reports
from fext_engine.records.health import Issue, replace_issues
from fext_engine.records.schema import MIGRATIONS
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace

HOSTILE = ("<script>alert(1)<", "[red]", "line\nbreak", "$x^2$ & \"quotes'", "日本")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "resources")
    made.create()
    return made


def fill(folder: Path, name: str, seeds: range) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / name / f"{seed:03d}.png").write_bytes(encode(picture(seed), "PNG"))


def analyze(workspace: Workspace, folder: Path) -> tuple[dict, Path]:
    summary = run_here(
        workspace,
        "analyze",
        Settings().with_options({"dataset.images": str(folder), "device.num_workers": 0}),
    )
    return summary, workspace.validation / summary["report"]


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict]:
    """A folder of 14 images, analyzed once; tests that change something do so to a copy."""
    place = tmp_path_factory.mktemp("analyzed")
    made = Workspace(place / "resources")
    made.create()
    fill(place / "in", "a", range(14))
    return made, analyze(made, place / "in")[0]


@pytest.fixture
def copied(analyzed: tuple[Workspace, dict], tmp_path: Path) -> tuple[Workspace, dict]:
    shutil.copytree(analyzed[0].root, tmp_path / "copied")
    return Workspace(tmp_path / "copied"), analyzed[1]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Page(HTMLParser):
    """What a browser would make of a page: elements, their attributes, and the text."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_hostile_names_are_mere_text(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for i, name in enumerate(HOSTILE):
        fill(folder, name, range(6 * i, 6 * i + 6))
    (folder / HOSTILE[0] / "<img src=x onerror=alert(2)>.jpg").write_bytes(b"no image")
    summary, report = analyze(workspace, folder)
    text = (report / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    kinds = Counter(tag for tag, _ in page.elements)
    assert set(kinds) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "nav", "a", "div", "table", "caption",
        "thead", "tbody", "tr", "th", "td", "span", "figure", "img", "figcaption", "small",
    }  # fmt: skip
    assert all(not name.startswith("on") for _, attrs in page.elements for name in attrs)
    anchors = {attrs["id"] for tag, attrs in page.elements if tag == "h2"}
    assert {attrs["href"] for tag, attrs in page.elements if tag == "a"} == {f"#{a}" for a in anchors}
    assert not any(
        "http:" in (v or "") or "https:" in (v or "") for _, attrs in page.elements for v in attrs.values()
    )
    pictures = [attrs for tag, attrs in page.elements if tag == "img"]
    assert len(pictures) == len(list(report.glob("*.png"))) >= 8
    for attrs in pictures:
        assert attrs["alt"]
        start, data = (attrs["src"] or "").split(",")
        assert start == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as figure:
            figure.load()
    assert len(text) < 3_000_000
    for shown in (
        "<script>alert(1)<",
        "[red]",
        "line\\nbreak",
        "$x^2$ & \"quotes'",
        "日本",
        "<img src=x onerror=alert(2)>.jpg",
    ):
        assert shown in page.text
    assert "Content-Security-Policy" in text
    assert summary["broken"] == 1


def test_every_class_has_its_own_statistics_histogram_and_mean_image(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    fill(folder, "a", range(12))
    fill(folder, "b/deep", range(20, 29))
    summary, report = analyze(workspace, folder)
    with open_records(workspace.database) as records:
        found = reports.find_report(records, summary["report"][:-2])
        rows = records.connection.execute(
            "SELECT class, entropy, width * 1.0 / height AS aspect FROM images JOIN image_statistics ON image_id = id"
        ).fetchall()
        for measure in ("entropy", "aspect"):
            for row in report_details.report_class_statistics(records, found["id"], measure):
                values = np.array([r[measure] for r in rows if r["class"] == row["class"]], np.float32)
                assert row["n"] == len(values)
                assert row["std"] == pytest.approx(values.std(), abs=1e-6)
                expected = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
                assert [row[q] for q in ("p5", "p25", "median", "p75", "p95")] == pytest.approx(
                    expected, abs=1e-5
                )
        stored = list(reports.iterate_pixels(records, 1))
    sums = sum_pixels(stored, ["a", "b/deep"])
    assert (sums.whole.images, sums.classes["a"].images, sums.classes["b/deep"].images) == (21, 12, 9)
    assert sum(side.images for side in sums.sides.values()) == 21
    assert (sums.classes["a"].histogram + sums.classes["b/deep"].histogram == sums.whole.histogram).all()
    by_hand = np.mean(
        [cv2.resize(picture(i), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for i in range(12)], axis=0
    )
    assert np.abs(sums.classes["a"].mean_image - by_hand).max() <= 1
    assert {row["class"] for row in table(report / "class_statistics.csv")} == {"a", "b/deep"}
    assert len(table(report / "class_statistics.csv")) == 2 * len(COMPARED_NAMES)
    pixels = table(report / "class_pixels.csv")
    assert sum(int(row["green"]) for row in pixels) == sums.whole.histogram[1].sum()
    assert len(table(report / "distributions.csv")) == 3 * len(COMPARED_NAMES)


def test_a_thumbnail_is_the_mean_of_its_places() -> None:
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC)
    exact = cv2.resize(smooth, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(read_thumbnail(make_thumbnail(smooth)) - exact).mean() < 1.5
    for shape in ((1, 1), (3, 2000), (5000, 7)):
        grey = np.full((*shape, 3), 90, np.uint8)
        assert (read_thumbnail(make_thumbnail(grey)) == 90).all()


def test_a_report_is_made_again_without_reading_images(copied: tuple[Workspace, dict]) -> None:
    workspace, first = copied
    second, report = analyze(workspace, Path(first["root"]))
    assert first["report"] != second["report"]
    with Image.open(report / "mean_images.png") as figure:
        assert min(figure.size) > 150
    with open_records(workspace.database) as records:
        ids = [row["id"] for row in reports.list_reports(records)]
        assert report_details.report_distributions(records, ids[0]) == report_details.report_distributions(
            records, ids[1]
        )
        sketches = report_details.report_distributions(records, ids[0], "train")
    assert list(sketches) == list(COMPARED_NAMES)
    assert all(len(s.quantiles) == SKETCH_POINTS and s.n == second["train"] for s in sketches.values())


def test_classes_missing_from_a_side_are_named(workspace: Workspace, tmp_path: Path) -> None:
    fill(tmp_path / "in", "many", range(20))
    fill(tmp_path / "in", "<alone>", range(50, 51))
    summary, report = analyze(workspace, tmp_path / "in")
    missing = summary["classes"]["missing_from_train"] + summary["classes"]["missing_from_validation"]
    assert missing == ["<alone>"]
    assert "(1): <alone>" in Page((report / "report.html").read_text()).text
    assert (summary["classes"]["largest"], summary["classes"]["smallest"]) == (20, 1)


def test_issues_are_counted_and_the_worst_files_named(copied: tuple[Workspace, dict]) -> None:
    with open_records(copied[0].database) as records:
        issues = [Issue(i, "dark", 1, float(i), 0.1 * i, None, "mean", "low") for i in range(1, 8)]
        replace_issues(
            records, 1, [*issues, Issue(3, "leak", 1, 1.0, 2, None, "perceptual_hash", "copy", 1, "of b")]
        )
        assert report_details.count_issues(records, 1) == [("dark", 7), ("leak", 1)]
        worst = report_details.worst_issues(records, 1, 2)
        assert [(w.issue, w.score) for w in worst] == [
            ("dark", pytest.approx(0.7)),
            ("dark", pytest.approx(0.6)),
            ("leak", 2),
        ]
        records.connection.execute("UPDATE images SET excluded = 1 WHERE id = 7")
        assert report_details.count_issues(records, 1)[0] == ("dark", 6)
        assert len(list(report_details.iterate_issues(records, 1))) == 7


def test_an_older_database_gains_the_tables_and_measures_anew(workspace: Workspace) -> None:
    with closing(sqlite3.connect(workspace.database)) as old:
        for script in MIGRATIONS[:3]:
            old.executescript(script)
        old.execute("INSERT INTO image_roots (id, path) VALUES (1, '/in')")
        for i, status in enumerate(("ok", "empty")):
            old.execute(
                "INSERT INTO images (root_id, path, class, bytes, mtime_ns, scan, status) VALUES (1, ?, '', 1, 1, 1, ?)",
                (f"{i}.png", status),
            )
        old.execute("PRAGMA user_version = 3")
        old.commit()
    with open_records(workspace.database) as records:
        rows = records.connection.execute("SELECT status FROM images ORDER BY path")
        assert [row["status"] for row in rows] == ["pending", "empty"]
        assert image_records.count_statuses(records, Path("/in")) == {"empty": 1, "pending": 1}


def test_removing_a_report_removes_all_that_is_kept_of_it(copied: tuple[Workspace, dict]) -> None:
    from fext_engine.records.removal import forget

    workspace, summary = copied
    report = workspace.validation / summary["report"]
    with open_records(workspace.database) as records:
        tables = [
            row["name"]
            for row in records.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if row["name"].startswith("report")
        ]
        assert len(tables) == 7
        forget(records, "report", report)
        for name in tables:
            assert records.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] == 0


def test_one_drifting_measure_can_be_found_among_all() -> None:
    """The smallest p-value that the permutations can give stays significant after the correction."""
    assert len(COMPARED_NAMES) / (PERMUTATIONS + 1) < SIGNIFICANT


def test_the_summary_is_plain_json(workspace: Workspace, tmp_path: Path) -> None:
    fill(tmp_path / "in", "a", range(3))
    summary, report = analyze(workspace, tmp_path / "in")
    assert json.loads((report / "summary.json").read_text()) == summary
    assert {p.stem for p in report.glob("*.csv")} == {
        "images", "failures", "issues", "statistics", "class_statistics", "distributions", "classes", "pixels", "class_pixels",
    }  # fmt: skip
    assert [row["measure"] for row in table(report / "statistics.csv")] == list(MEASURE_NAMES)
