"""Two reports compared, in the engine and on the command line, before and after a clean-up and between folders."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hostile import encode, picture
from PIL import Image
from scipy import stats

from fext_engine.cli import main
from fext_engine.errors import FextError
from fext_engine.images.comparison import Comparison, compare_reports
from fext_engine.images.distributions import COMPARED_NAMES
from fext_engine.images.drift import EFFECT
from fext_engine.jobs.run import run_here
from fext_engine.records import open_records, reports
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace, find_workspace

Fext = Callable[..., tuple[int, str, str]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("FEXT_RESOURCES", str(tmp_path / "resources"))
    return find_workspace()


@pytest.fixture
def fext(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Fext:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return code, *capsys.readouterr()

    return call


def analyze(workspace: Workspace, folder: Path) -> str:
    return run_here(
        workspace,
        "analyze",
        Settings().with_options({"dataset.images": str(folder), "device.num_workers": 0}),
    )["report"]


def fill(folder: Path, name: str, seeds: range, brighter: int = 0) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        pixels = np.clip(picture(seed).astype(int) + brighter, 0, 255).astype(np.uint8)
        (folder / name / f"{seed:03d}.png").write_bytes(encode(pixels, "PNG"))


@dataclass(frozen=True)
class Cleaned:
    """A workspace with reports of a folder before and after a clean-up; its images are gone."""

    workspace: Workspace
    before: str
    after: str

    def compare(self, before: str, after: str) -> Comparison:
        return compare(self.workspace, before, after)


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Cleaned:
    """Made once: the tests only read it."""
    place = tmp_path_factory.mktemp("cleaned")
    workspace, folder = Workspace(place / "resources"), place / "in"
    workspace.create()
    fill(folder, "<b>", range(40))
    fill(folder, "[red]\n", range(50, 62))
    (folder / "<b>" / "broken.jpg").write_bytes(b"")
    before = analyze(workspace, folder)
    (folder / "<b>" / "broken.jpg").unlink()
    for seed in range(20):
        (folder / "<b>" / f"{seed:03d}.png").unlink()
    after = analyze(workspace, folder)
    shutil.rmtree(folder)
    return Cleaned(workspace, before, after)


def compare(workspace: Workspace, before: str, after: str) -> Comparison:
    with open_records(workspace.database) as records:
        return compare_reports(records, before, after)


def test_a_clean_up_is_counted_without_the_images(cleaned: Cleaned) -> None:
    found = cleaned.compare(cleaned.before, cleaned.after)
    counts = {(c.kind, c.name): (c.before, c.after) for c in found.counts}
    assert counts["files", "images"] == (53, 32)
    assert counts["files", "broken"] == (1, 0)
    assert counts["status", "empty"] == (1, 0)
    assert counts["status", "ok"] == (52, 32)
    assert counts["balance", "largest"] == (40, 20)
    assert [(c.name, c.before, c.after, c.difference) for c in found.classes] == [
        ("<b>", 40, 20, -20),
        ("[red]\\n", 12, 12, 0),
    ]
    assert 0 < found.class_divergence < 0.1
    assert {s.measure for s in found.shifts} == set(COMPARED_NAMES)
    assert [s.ks for s in found.shifts] == sorted((s.ks for s in found.shifts), reverse=True)
    assert not any(s.verdict == "drift" for s in found.shifts)
    assert {(s.n_before, s.n_after) for s in found.shifts} == {(52, 32)}


def test_a_report_compared_with_itself_shows_no_change(cleaned: Cleaned) -> None:
    found = cleaned.compare(cleaned.before, cleaned.before)
    assert all(c.before == c.after for c in (*found.counts, *found.classes))
    assert all((s.ks, s.wasserstein, s.q_value, s.verdict) == (0, 0, 1, "none") for s in found.shifts)
    assert found.class_divergence == 0


def test_brighter_images_of_another_folder_are_a_shift(workspace: Workspace, tmp_path: Path) -> None:
    fill(tmp_path / "one", "a", range(60))
    fill(tmp_path / "two", "a", range(100, 170), brighter=60)
    names = analyze(workspace, tmp_path / "one"), analyze(workspace, tmp_path / "two")
    with open_records(workspace.database) as records:
        rows = records.connection.execute(
            "SELECT root_id, mean, entropy, noise_std FROM images JOIN image_statistics ON image_id = id"
        ).fetchall()
    found = compare(workspace, *names)
    assert (found.root_before, found.root_after) == (str(tmp_path / "one"), str(tmp_path / "two"))
    shifts = {s.measure: s for s in found.shifts}
    assert shifts["mean"].verdict == "drift"
    assert shifts["width"].verdict == "none"
    for measure in ("mean", "entropy", "noise_std"):  # the sketches against all values
        a, b = ([r[measure] for r in rows if r["root_id"] == root] for root in (1, 2))
        assert shifts[measure].ks == pytest.approx(stats.ks_2samp(a, b).statistic, abs=0.02)
        spread = np.concatenate([a, b]).std()
        assert shifts[measure].wasserstein == pytest.approx(
            stats.wasserstein_distance(a, b) / spread, rel=0.1
        )
        assert (shifts[measure].verdict == "drift") == (
            shifts[measure].ks >= EFFECT and shifts[measure].q_value < 0.05
        )


def test_reports_are_listed_shown_and_compared_on_the_command_line(
    fext: Fext, cleaned: Cleaned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = cleaned.before, cleaned.after
    monkeypatch.setenv("FEXT_RESOURCES", str(cleaned.workspace.root))
    code, out, _ = fext("reports")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [after, before]
    listed = json.loads(fext("reports", "--json")[1])
    assert [(row["images"], row["usable"], row["classes"]) for row in listed] == [(32, 32, 2), (53, 52, 2)]

    code, out, _ = fext("reports", "show", before)
    assert code == 0
    assert "entropy" in out
    shown = json.loads(fext("reports", "show", "latest", "--json")[1])
    assert (shown["name"], shown["classes"][1]["class"]) == (after, "[red]\\n")

    code, out, _ = fext("reports", "compare")
    assert code == 0
    assert (out.index(before), out.index(after)) == (3, out.index(f"B  {after}") + 3)
    assert "<b>" in out
    assert "status empty" in out
    assert out == fext("reports", "compare", before, after)[1] == fext("reports", "compare", before)[1]
    both = json.loads(fext("reports", "compare", before, after, "--json")[1])
    assert {s["measure"] for s in both["shifts"]} == set(COMPARED_NAMES)
    assert fext("reports", "compare", before, after, "--csv", str(tmp_path / "c.csv"))[0] == 0
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert ("class", "<b>", "40", "20") in [tuple(row.values())[:4] for row in rows]
    assert sum(row["kind"] == "median" for row in rows) == len(COMPARED_NAMES)


def test_names_that_fit_no_report_say_what_to_do(fext: Fext, workspace: Workspace, tmp_path: Path) -> None:
    assert fext("reports")[:2] == (0, "no report yet; `fext analyze` makes one\n")
    assert fext("reports", "compare") == (
        1,
        "",
        "fext: there is no report called 'latest'; `fext analyze` makes one\n",
    )
    fill(tmp_path / "in", "a", range(3))
    first = analyze(workspace, tmp_path / "in")
    code, _, err = fext("reports", "compare")
    assert (code, "is the first report of its folder; name two reports" in err) == (1, True)
    analyze(workspace, tmp_path / "in")
    code, _, err = fext("reports", "show", "analysis_")
    assert (code, "2 reports begin with 'analysis_'; name one: " in err) == (1, True)
    assert fext("reports", "show", "nothing")[2].endswith("; `fext reports` lists them\n")
    with open_records(workspace.database) as records:
        with records.connection:
            records.connection.execute("DELETE FROM report_distributions")
        with pytest.raises(FextError, match="before distributions were kept; analyze"):
            compare_reports(records, first, "latest")
        assert reports.find_report(records, "latest")["name"] != first


def test_the_figures_have_readable_sizes(cleaned: Cleaned) -> None:
    for figure in (cleaned.workspace.validation / cleaned.before).glob("*.png"):
        with Image.open(figure) as image:
            assert min(image.size) > 150
            assert max(image.size) < 4000
