"""Issues as people meet them: planted faults are found, ordinary images are left in peace, lists are ranked."""

from __future__ import annotations

import csv
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from found_issues import find_issues
from hostile import build_hostile_folder, encode, picture
from scipy.stats import median_abs_deviation

from fext_engine.errors import FextError, JobStopped
from fext_engine.images.measures import MEASURES_BY_NAME
from fext_engine.images.outliers import JUDGED, find_outliers, percentile, robust
from fext_engine.images.sample_pictures import CLASSES
from fext_engine.jobs.run import run_here
from fext_engine.records import health, open_records
from fext_engine.records.image_values import read_fingerprints
from fext_engine.records.issue_names import ISSUES
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "resources")
    made.create()
    return made


def analyze(workspace: Workspace, folder: Path, **options: Any) -> dict[str, Any]:
    settings = {"dataset.images": str(folder), "device.num_workers": 0, **options}
    return run_here(workspace, "analyze", Settings().with_options(settings))


def rows_of(workspace: Workspace, folder: Path, issue: str) -> list[dict[str, Any]]:
    with open_records(workspace.database) as records:
        return [dict(row) for row in health.list_issue(records, folder, issue, 0, 10_000)]


def paths_of(workspace: Workspace, folder: Path, issue: str) -> list[str]:
    return [row["path"] for row in rows_of(workspace, folder, issue)]


def ordinary(folder: Path, number: int = 30) -> None:
    """Drawn pictures that have no issue."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(number):
        draw = list(CLASSES.values())[i % len(CLASSES)]
        (folder / f"{i:03d}.png").write_bytes(encode(draw(rng, 64, 96), "PNG"))


PLANTED = {
    "very dark": "dark",
    "over-exposed": "bright",
    "blurry": "blurry",
    "one grey value, no information": "low_information",
    "greyscale among colour": "grey_among_colour",
    "noisy": "outlier",
    "the same bytes as original.png": "exact_duplicate",
    "original.jpg at half the size": "near_duplicate",
    "far smaller than the others": "odd_size",
    "five times as wide as high": "odd_aspect",
}


def test_what_is_planted_in_the_sample_dataset_is_found(workspace: Workspace) -> None:
    planted = run_here(workspace, "sample", Settings())["planted"]
    find_issues(workspace, workspace.images)
    for oddity, issue in PLANTED.items():
        (path,) = [path for path, what in planted.items() if what == oddity]
        assert path in paths_of(workspace, workspace.images, issue), (oddity, issue)
    flagged = {p for issue in ISSUES for p in paths_of(workspace, workspace.images, issue)}
    by_chance = flagged - planted.keys()
    assert len(by_chance) <= 5, by_chance
    assert "clouds/blank.png" in paths_of(workspace, workspace.images, "low_contrast")
    assert "clouds/blank.png" not in paths_of(workspace, workspace.images, "blurry")


@pytest.mark.photos
def test_few_ordinary_photographs_are_flagged(workspace: Workspace, photos: Path, capsys) -> None:
    summary = analyze(workspace, photos, **{"device.num_workers": "auto"})
    with open_records(workspace.database) as records:
        counts = dict(health.issue_counts(records, photos))
        names = {row["path"] for issue in counts for row in health.list_issue(records, photos, issue, 0, 400)}
    with capsys.disabled():
        print(f"\n{summary['usable']} photographs, {len(names)} with an issue: {counts}")
    assert max(counts.values()) <= 0.03 * summary["usable"]
    assert not counts.keys() & {"exact_duplicate", "near_duplicate", "leak", "low_information"}


def test_each_rule_names_statistic_direction_value_and_rank(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    ordinary(folder)
    plain = CLASSES["flowers"](np.random.default_rng(9), 64, 96)
    faulty = {
        "dark": plain // 12,
        "bright": 200 + plain // 5,
        "blurry": cv2.GaussianBlur(plain, (0, 0), 7),
        "low_contrast": 120 + plain // 40,
        "low_information": np.where(plain > 128, 200, 90).astype(np.uint8)[:, :, :1].repeat(3, 2),
        "odd_size": cv2.resize(plain, (600, 400)),
        "odd_aspect": plain[:24],
        "grey_among_colour": cv2.cvtColor(plain, cv2.COLOR_RGB2GRAY),
    }
    for issue, pixels in faulty.items():
        (folder / f"{issue}.png").write_bytes(encode(np.ascontiguousarray(pixels), "PNG"))
    find_issues(workspace, folder)
    expected = {
        "dark": ("brightness_p99", "low"), "bright": ("brightness_p5", "high"),
        "blurry": ("laplacian_variance", "low"), "low_contrast": ("std", "low"), "low_information": ("entropy", "low"),
        "odd_size": ("size", "high"), "odd_aspect": ("aspect", "low"), "grey_among_colour": ("colourfulness", "low"),
    }  # fmt: skip
    for issue, (measure, direction) in expected.items():
        rows = {row["path"]: row for row in rows_of(workspace, folder, issue)}
        row = rows[f"{issue}.png"]
        assert (row["measure"], row["direction"]) == (measure, direction)
        assert row["percentile"] < 15 if direction == "low" else row["percentile"] > 85
    (size,) = rows_of(workspace, folder, "odd_size")
    assert size["score"] == pytest.approx(np.sqrt(600 * 400))


def test_lists_are_ranked_and_come_in_windows(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    ordinary(folder)
    plain = CLASSES["sunsets"](np.random.default_rng(9), 64, 96)
    for divisor in (9, 20, 12, 40, 15):
        (folder / f"dark_{divisor:02d}.png").write_bytes(encode(plain // divisor, "PNG"))
    find_issues(workspace, folder)
    names = [f"dark_{divisor:02d}.png" for divisor in (40, 20, 15, 12, 9)]
    assert paths_of(workspace, folder, "dark") == names
    with open_records(workspace.database) as records:
        windows = [
            row["path"] for start in (0, 2, 4) for row in health.list_issue(records, folder, "dark", start, 2)
        ]
        assert windows == names
        assert dict(health.issue_counts(records, folder))["dark"] == 5
        with pytest.raises(FextError, match=r"no issue called 'ugly'; name one of dark, bright"):
            health.list_issue(records, folder, "ugly")
        assert health.issue_counts(records, tmp_path / "elsewhere") == []


def test_thresholds_are_settings(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    ordinary(folder)
    find_issues(workspace, folder)
    assert paths_of(workspace, folder, "low_contrast") == []
    find_issues(workspace, folder, **{"health.low_contrast_below": 128, "health.outlier_z": 1000})
    assert len(paths_of(workspace, folder, "low_contrast")) == 30
    assert paths_of(workspace, folder, "outlier") == []


def test_grey_images_are_no_issue_where_most_are_grey(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    ordinary(folder, 5)
    for i in range(12):
        (folder / f"grey_{i}.png").write_bytes(encode(picture(i)[:, :, 0], "PNG"))
    find_issues(workspace, folder)
    assert paths_of(workspace, folder, "grey_among_colour") == []


def test_copies_are_grouped_with_one_to_keep(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    ordinary(folder, 10)
    shapes = CLASSES["shapes"](np.random.default_rng(5), 128, 128)
    large, small = (
        encode(shapes, "PNG"),
        encode(cv2.resize(shapes, (64, 64), interpolation=cv2.INTER_AREA), "PNG"),
    )
    for name, data in (("s1.png", small), ("s2.png", small), ("z.png", large), ("s3.png", small)):
        (folder / name).write_bytes(data)
    find_issues(workspace, folder)
    exact = rows_of(workspace, folder, "exact_duplicate")
    assert [(r["path"], r["direction"], r["group_number"]) for r in exact] == [
        ("s1.png", "keep", 1), ("s2.png", "copy", 1), ("s3.png", "copy", 1),
    ]  # fmt: skip
    assert exact[1]["detail"] == "copy of s1.png"
    near = rows_of(workspace, folder, "near_duplicate")
    assert [(r["path"], r["direction"]) for r in near] == [("z.png", "keep"), ("s1.png", "copy")]
    assert near[1]["detail"] == "like z.png"


def test_leaks_are_found_in_the_split_that_training_uses(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    ordinary(folder, 20)
    for path in sorted(folder.iterdir()):
        (folder / f"copy_{path.name}").write_bytes(path.read_bytes())
    find_issues(workspace, folder, **{"dataset.validation_size": 0.5})
    with closing(sqlite3.connect(workspace.database)) as plain:
        sides = dict(plain.execute("SELECT path, split FROM images"))
    divided = {n for n in sides if not n.startswith("copy") and sides[n] != sides[f"copy_{n}"]}
    assert divided
    rows = rows_of(workspace, folder, "leak")
    assert {r["path"].removeprefix("copy_") for r in rows} == divided
    assert all((r["direction"] == "copy") == (r["split"] == "validation") for r in rows)
    assert {len([r for r in rows if r["group_number"] == n]) for n in {r["group_number"] for r in rows}} == {
        2
    }
    assert all("the same bytes as" in r["detail"] for r in rows if r["direction"] == "copy")


def test_hostile_files_and_names(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    expected = build_hostile_folder(folder)
    analyze(workspace, folder)
    groups = Counter(row["group_number"] for row in rows_of(workspace, folder, "exact_duplicate"))
    same = [path for path, status in expected.items() if status == "ok" and path.startswith("names/")]
    assert max(groups.values()) == len(same) - 1  # [red]x.png is a PNG
    for issue in ISSUES:
        assert all(expected[path] == "ok" for path in paths_of(workspace, folder, issue))
    report = max(workspace.validation.iterdir())
    with (report / "issues.csv").open(newline="", encoding="utf-8") as file:
        named = {row["path"] for row in csv.DictReader(file)}
    assert named == {path for issue in ISSUES for path in paths_of(workspace, folder, issue)}


def test_a_stop_keeps_the_earlier_issues(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    ordinary(folder, 8)
    (folder / "dark.png").write_bytes(encode(picture(1) // 12, "PNG"))
    find_issues(workspace, folder)
    before = rows_of(workspace, folder, "dark")

    def stop(event: Any) -> None:
        if event.kind == "progress" and event.data["stage"] == "health":
            signal.raise_signal(signal.SIGTERM)

    options = {"dataset.images": str(folder), "health.dark_below": 0.0}
    with pytest.raises(JobStopped, match="analyze again for issues and report"):
        run_here(workspace, "analyze", Settings().with_options(options), {}, stop)
    assert rows_of(workspace, folder, "dark") == before != []


# Outliers


def test_robust_z_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    values = np.sort(rng.normal(100, 10, 500))
    scale = robust(MEASURES_BY_NAME["mean"], values, 3.5)
    by_hand = 0.6745 * (values - np.median(values)) / median_abs_deviation(values)
    assert scale.z(values) == pytest.approx(by_hand)


def test_skewed_measures_are_judged_in_logarithms() -> None:
    values = np.sort(np.random.default_rng(0).lognormal(5, 1.2, 5000))
    measure = MEASURES_BY_NAME["laplacian_variance"]
    raw = np.abs(0.6745 * (values - np.median(values)) / median_abs_deviation(values)) > 3.5
    assert raw.mean() > 0.05
    assert (np.abs(robust(measure, values, 3.5).z(values)) > 3.5).mean() < 0.005


@pytest.mark.parametrize(
    "values",
    [
        np.r_[np.zeros(900), np.linspace(0.2, 0.9, 100)],  # more than half are equal: the MAD is 0
        np.r_[np.full(10, 3.0), np.linspace(100, 120, 900), np.full(90, 250.0)],  # a second hump
    ],
)
def test_where_z_means_nothing_the_percentile_decides(values: np.ndarray) -> None:
    scale = robust(MEASURES_BY_NAME["mean"], np.sort(values), 3.5)
    assert scale.spread == 0
    assert (np.abs(scale.z(values)) > 3.5).sum() <= 0.001 * len(values)


def test_the_responsible_measure_and_its_direction() -> None:
    rng = np.random.default_rng(2)
    values = {m.name: rng.uniform(0.3, 0.6, 200) + rng.normal(0, 0.02, 200) for m in JUDGED}
    values["noise_std"][7] = 40.0
    values["mean"][7], values["mean"][11] = 30.0, -30.0
    scales = [robust(m, np.sort(values[m.name]), 3.5) for m in JUDGED]
    found = find_outliers(scales, values, 3.5)
    assert found.places.tolist() == [7, 11]
    assert [JUDGED[c].name for c in found.column] == ["mean", "mean"]
    assert (found.z[0] > 0, found.z[1] < 0) == (True, True)
    assert found.others == ["noise_std high", ""]


def test_percentiles_count_half_of_the_equal_ones() -> None:
    assert percentile(np.array([1.0, 2, 2, 3]), np.array([0.0, 2, 3, 9])).tolist() == [0, 50, 87.5, 100]


def test_fingerprints_are_those_of_the_records(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    ordinary(folder, 6)
    find_issues(workspace, folder)
    with open_records(workspace.database) as records:
        prints = read_fingerprints(records, 1)
        rows = records.connection.execute(
            "SELECT id, digest, perceptual_hash, width * height AS pixels, bytes FROM images "
            "JOIN image_statistics ON image_id = id ORDER BY id"
        ).fetchall()
    assert [f"{a:016x}{b:016x}" for a, b in prints.digests.tolist()] == [r["digest"][:32] for r in rows]
    assert [f"{h:016x}" for h in prints.hashes.tolist()] == [r["perceptual_hash"] for r in rows]
    assert prints.pixels.tolist() == [r["pixels"] for r in rows]
    assert prints.bytes.tolist() == [r["bytes"] for r in rows]
