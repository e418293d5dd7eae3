"""Excluding images: what takes no part any more, how it is undone, and that no file is touched."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from found_issues import find_issues
from hostile import build_hostile_folder
from tiny_training import make_images, make_workspace, resume, small_settings, train

from fext_engine.cli import main
from fext_engine.errors import FextError
from fext_engine.images.scan import scan
from fext_engine.jobs.run import run_here
from fext_engine.records import Records, open_records
from fext_engine.records import images as image_records
from fext_engine.records.exclusions import count_excluded, exclude, excluded_paths, include
from fext_engine.training.run_folder import RunFolder, read_split
from fext_engine.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path, 16)
    (made.images / "a" / "twin.png").write_bytes((made.images / "a" / "000.png").read_bytes())
    return made


def analyze(workspace: Workspace, **options: Any) -> dict[str, Any]:
    settings = small_settings().with_options({"device.num_workers": 0, **options})
    return run_here(workspace, "analyze", settings)


def record(workspace: Workspace) -> None:
    """A scan alone, for tests that need no measures."""
    with open_records(workspace.database) as records:
        for _ in image_records.record_scan(records, workspace.images, scan(workspace.images)):
            pass


def split_of(run: RunFolder) -> set[str]:
    return {row.path for row in read_split(run)}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def excluded_of(records: Records, root: Path) -> list[str]:
    return list(excluded_paths(records, root))


def test_excluded_images_leave_analysis_and_training_and_come_back(workspace: Workspace) -> None:
    before = contents(workspace.images)
    first = analyze(workspace)
    assert (first["train"] + first["validation"], first["excluded"]) == (17, 0)
    with open_records(workspace.database) as records:
        assert exclude(records, workspace.images, ["a/twin.png", "b/001.png"], "too alike") == 2
        assert exclude(records, workspace.images, ["a/twin.png"], "again") == 0
        assert excluded_of(records, workspace.images) == ["a/twin.png", "b/001.png"]
        rows = image_records.list_images(records, workspace.images)
        assert {r["path"]: r["excluded_reason"] for r in rows if r["excluded"]} == {
            "a/twin.png": "too alike", "b/001.png": "too alike",
        }  # fmt: skip
    second = analyze(workspace)
    assert (second["train"] + second["validation"], second["excluded"]) == (15, 2)
    assert first["issues"]["exact_duplicate"] == 2
    assert "exact_duplicate" not in second["issues"]
    messages: list[str] = []
    run = train(
        workspace, "without", lambda e: messages.append(e.data.get("message", "")), training__epochs=1
    )
    assert len(split_of(run)) == 15
    assert not split_of(run) & {"a/twin.png", "b/001.png"}
    assert "2 excluded images are left out" in messages
    with open_records(workspace.database) as records:
        rows = {r["path"]: r for r in image_records.list_images(records, workspace.images)}
        sides = {path: r["split"] for path, r in rows.items()}
        assert {row.path: row.split for row in read_split(run)} | {
            "a/twin.png": "unused", "b/001.png": "unused",
        } == sides  # fmt: skip
        assert include(records, workspace.images, ["a/twin.png"]) == 1
        assert count_excluded(records, workspace.images) == 1
    find_issues(workspace, workspace.images)
    with open_records(workspace.database) as records:
        (twin,) = image_records.list_images(records, workspace.images, text="twin")
    assert twin["split"] != "unused"
    assert contents(workspace.images) == before


def test_a_run_keeps_its_split_when_images_are_excluded_later(workspace: Workspace) -> None:
    record(workspace)
    run = train(workspace, "r", training__epochs=1)
    before = read_split(run)
    with open_records(workspace.database) as records:
        exclude(records, workspace.images, ["a/twin.png"])
    resume(workspace, "r", epochs=1)
    assert read_split(run) == before


def test_all_or_none_and_only_what_is_recorded(workspace: Workspace, tmp_path: Path) -> None:
    record(workspace)
    with open_records(workspace.database) as records:
        for paths in (["a/twin.png", "no.png"], ["../../etc/passwd"], ["x'; DROP TABLE images; --"]):
            with pytest.raises(FextError, match=r"no image .*; analyze the folder first"):
                exclude(records, workspace.images, paths)
        with pytest.raises(FextError, match="no image"):
            exclude(records, tmp_path / "never seen", ["a/twin.png"])
        assert count_excluded(records, workspace.images) == 0


def test_a_folder_that_vanishes_for_a_while_loses_no_decision(workspace: Workspace) -> None:
    record(workspace)
    with open_records(workspace.database) as records:
        exclude(records, workspace.images, ["a/twin.png"], "mine")
    hidden = workspace.images / ".a"
    (workspace.images / "a").rename(hidden)
    record(workspace)
    with open_records(workspace.database) as records:
        assert count_excluded(records, workspace.images) == 0
        assert excluded_of(records, workspace.images) == ["a/twin.png"]  # training asks before an analysis
    hidden.rename(workspace.images / "a")
    record(workspace)
    with open_records(workspace.database) as records:
        (row,) = image_records.list_images(records, workspace.images, text="twin")
        assert (row["excluded"], row["excluded_reason"]) == (1, "mine")
        include(records, workspace.images, ["a/twin.png"])
        assert excluded_of(records, workspace.images) == []


def test_everything_excluded_is_told(workspace: Workspace) -> None:
    record(workspace)
    with open_records(workspace.database) as records:
        paths = [row["path"] for row in image_records.list_images(records, workspace.images)]
        exclude(records, workspace.images, paths)
    for verb in ("analyze", "train"):
        with pytest.raises(FextError, match=r"images .* are excluded; take some back in"):
            run_here(workspace, verb, small_settings())


def test_hostile_names_are_excluded_and_included(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.create()
    paths = sorted(build_hostile_folder(workspace.images))
    record(workspace)
    with open_records(workspace.database) as records:
        assert exclude(records, workspace.images, paths) == len(paths)
        assert excluded_of(records, workspace.images) == sorted(paths)
        assert include(records, workspace.images, paths) == len(paths)


# The command line


@pytest.fixture
def fext(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("FEXT_RESOURCES", str(workspace.root))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(("images", *arguments))
        return code, *capsys.readouterr()

    return call


def test_lists_on_the_command_line(workspace: Workspace, fext, tmp_path: Path) -> None:
    code, _, err = fext()
    assert (code, "has not been analyzed; run `fext analyze`" in err) == (1, True)
    find_issues(workspace, workspace.images)
    code, out, _ = fext()
    assert (code, len(out.splitlines())) == (0, 18)
    code, out, _ = fext("--filter", "class = 'b' and bytes > 0", "--json")
    assert {row["class"] for row in json.loads(out)} == {"b"}
    code, out, _ = fext("--issue", "exact_duplicate")
    assert "copy of a/000.png" in out
    code, out, _ = fext("--issue", "exact_duplicate", "--csv", str(tmp_path / "copies.csv"))
    assert out.startswith("2 rows written to")
    with (tmp_path / "copies.csv").open(newline="") as file:
        assert [row["direction"] for row in csv.DictReader(file)] == ["keep", "copy"]
    assert "no image" in fext("--filter", "width > 10000")[1]
    assert fext("--issue", "ugly")[0] == 1
    assert fext("--issue", "dark", "--filter", "width > 1")[0] == 2
    assert fext("--filter", "width >")[0] == 1
    assert fext("--csv", str(tmp_path / "no" / "x.csv"))[0] == 1


def test_excluding_on_the_command_line(workspace: Workspace, fext) -> None:
    find_issues(workspace, workspace.images)
    code, _, err = fext("exclude", "--issue", "exact_duplicate")
    assert (code, "add --yes" in err) == (2, True)  # nobody can be asked here
    code, out, _ = fext("exclude", "--issue", "exact_duplicate", "--yes")
    assert (code, out) == (0, "1 image excluded; the next analysis and training go by it\n")
    with open_records(workspace.database) as records:
        assert excluded_of(records, workspace.images) == ["a/twin.png"]  # one of the group stays
    find_issues(workspace, workspace.images)
    assert fext("include", "--issue", "exact_duplicate", "-y")[1].startswith("1 image included")
    file = workspace.images / "b" / "003.png"
    code, out, _ = fext("exclude", "a/000.png", str(file), "--json")
    assert json.loads(out) == {"excluded": 2}
    assert fext("exclude", "--filter", "class = 'b'", "-y", "--json")[1].strip() == '{\n  "excluded": 7\n}'
    assert fext("include", "--filter", "class = 'b'", "-y")[1].startswith("8 images included")
    assert fext("include", "--all", "-y")[1].startswith("1 image included")
    for arguments in ((), ("a/000.png", "--issue", "dark"), ("--issue", "dark", "--filter", "width > 1")):
        assert fext("exclude", *arguments)[0] == 2
    for name in ("nope.png", "caf\udce9.png", "~nobody-here/x.png", "-x.png"):
        code, _, err = fext("exclude", "--", name)
        assert (code, "there is no image" in err) == (1, True)


def test_other_roots_are_left_alone(workspace: Workspace, tmp_path: Path, fext) -> None:
    other = make_images(tmp_path / "other", 6)
    record(workspace)
    find_issues(workspace, other)
    assert fext("exclude", "--images", str(other), "a/000.png")[0] == 0
    with open_records(workspace.database) as records:
        assert count_excluded(records, workspace.images) == 0
        assert excluded_of(records, other) == ["a/000.png"]
