"""Encoding by several processes: the bytes of one, whatever stops or kills them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rank_processes import die, in_ranks, my_number
from tiny_training import (
    ask_to_stop,
    make_images,
    make_workspace,
    plant_broken_files,
    small_settings,
    untrained,
)

from fext_engine.jobs.events import EventReader
from fext_engine.jobs.folder import create_job
from fext_engine.jobs.run import run_here
from fext_engine.jobs.together import run_together
from fext_engine.latents import parts, unfinished
from fext_engine.latents.manifest import read_manifest
from fext_engine.latents.told import Told

FILES = ("latents.npy", "rows.csv", "files.csv")
SMALL = {"inference__batch_size": 4, "device__num_workers": 2}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A workspace with a run, 30 images and 5 odd files, and what one process makes of them."""
    workspace = make_workspace(tmp_path_factory.mktemp("ranks"), 0)
    untrained(workspace)
    make_images(workspace.inference, 30)
    plant_broken_files(workspace.inference)
    encode_alone(workspace, workspace.root / "whole")
    return workspace


@pytest.fixture
def workspace(prepared, tmp_path, monkeypatch):
    """A copy of it, where a part has four files."""
    monkeypatch.setattr(parts, "LEAST", 4)
    shutil.copytree(prepared.root, tmp_path / "ws")
    return type(prepared)(tmp_path / "ws")


def encode_alone(workspace, output, update=False, **changes):
    arguments = {"run": "r", "output": str(output), "update": update or None}
    return run_here(workspace, "encode", small_settings(**SMALL | changes), arguments)


def encode(workspace, output, count, update=False, during=None, **changes):
    """Encode by so many processes, each of which calls `during` with each file that it has looked at."""
    settings = small_settings(**SMALL | changes)
    arguments = {"run": "r", "output": str(output), "update": update or None}
    seen = 0

    def told(self, lines):
        nonlocal seen
        for _ in lines:
            seen += 1
            if during:
                during(seen)
        return progress(self, lines)

    progress = Told.progress

    def work():
        Told.progress = told
        run_together(workspace, lambda: create_job(workspace, "encode", settings, arguments))

    return in_ranks(count, work)


def assert_same(one, other):
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    ours, theirs = (
        read_manifest(folder).model_dump(exclude={"created", "updated", "images"}) for folder in (one, other)
    )
    assert ours == theirs


def events(workspace):
    (newest,) = sorted(workspace.jobs.glob("*-encode-*"), key=lambda p: p.stat().st_mtime_ns)[-1:]
    return list(EventReader(newest).read())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_several_encode_to_the_bytes_of_one_and_each_reads_its_share_alone(workspace, tmp_path):
    def note(seen):
        with (tmp_path / f"seen_{my_number()}").open("a") as file:
            file.write(f"{seen}\n")

    assert encode(workspace, tmp_path / "out", 3, during=note) == [(0, "")] * 3
    assert_same(tmp_path / "out", workspace.root / "whole")
    assert names(tmp_path / "out") == names(workspace.root / "whole")
    read = [len((tmp_path / f"seen_{n}").read_text().splitlines()) for n in range(3)]
    assert sum(read) == 35 and max(read) <= 15
    told = events(workspace)
    assert told[-1].data["summary"]["encoded"] == 31 and told[-1].data["summary"]["broken"] == 4
    assert sum("no vector" in str(e.data.get("message")) for e in told) == 4
    done = [e.data["done"] for e in told if e.kind == "progress" and e.data["stage"] == "joining"]
    assert done[-1] == 35


def test_principal_components_and_an_update_are_the_same_by_several_as_by_one(workspace, tmp_path):
    pca = {"inference__pooling": "pca", "inference__pca_components": 3}
    one, several = tmp_path / "one", tmp_path / "several"
    encode_alone(workspace, one, **pca)
    assert encode(workspace, several, 2, **pca) == [(0, "")] * 2
    assert_same(one, several)
    make_images(workspace.inference / "more", 9)
    (workspace.inference / "a" / "004.png").rename(workspace.inference / "b" / "moved.png")
    (workspace.inference / "b" / "007.png").unlink()
    encode_alone(workspace, one, update=True, **pca)
    assert encode(workspace, several, 3, update=True, **pca) == [(0, "")] * 3
    assert_same(one, several)
    assert names(one) == names(several) == sorted([*FILES, "manifest.json", "pca.npz"])


def test_a_stop_of_the_leading_one_stops_all_and_any_number_goes_on(workspace, tmp_path):
    def stop(seen):
        if my_number() == 0 and seen == 4:
            ask_to_stop()

    stopped = encode(workspace, tmp_path / "out", 3, during=stop)
    assert [code for code, _ in stopped] == [1, 1, 1]
    assert all(said.startswith("JobStopped: stopped; what was encoded is kept") for _, said in stopped), stopped
    assert events(workspace)[-1].kind == "stopped" and events(workspace)[-1].data["resumable"]
    kept = journal_lines(tmp_path / ".out.partial")
    assert 4 <= kept < 35
    assert encode(workspace, tmp_path / "out", 2) == [(0, "")] * 2
    assert any(f"goes on behind {kept} of 35" in str(e.data.get("message")) for e in events(workspace))
    assert_same(tmp_path / "out", workspace.root / "whole")


def test_one_that_is_killed_fails_the_job_and_one_process_can_finish_it(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished, "SYNC_SECONDS", 0)

    def kill(seen):
        if my_number() == 1 and seen > 4:
            die()

    (first, said), (second, _), _ = encode(workspace, tmp_path / "out", 3, during=kill)
    assert (first, second) == (1, -signal.SIGKILL)
    assert said.startswith("RankLost: process 0 of 3 lost another one"), said
    assert events(workspace)[-1].kind == "failed"
    assert journal_lines(tmp_path / ".out.partial") > 8
    encode_alone(workspace, tmp_path / "out")
    assert_same(tmp_path / "out", workspace.root / "whole")
    assert names(tmp_path / "out") == sorted([*FILES, "manifest.json"])


@pytest.mark.slow
def test_what_one_process_left_several_go_on_with(workspace, tmp_path):
    def stop(seen):
        if seen == 8:
            ask_to_stop()

    encode(workspace, tmp_path / "out", 1, during=stop)
    assert 0 < journal_lines(tmp_path / ".out.partial") < 35
    assert encode(workspace, tmp_path / "out", 2) == [(0, "")] * 2
    assert_same(tmp_path / "out", workspace.root / "whole")


@pytest.mark.slow
def test_a_kill_while_the_parts_are_joined_loses_nothing(workspace, tmp_path):
    join = unfinished.Unfinished.take

    def doomed(self, *arguments):
        for line in join(self, *arguments):
            if self.files > 17:
                die()
            yield line

    unfinished.Unfinished.take = doomed
    try:
        codes = [code for code, _ in encode(workspace, tmp_path / "out", 2)]
    finally:
        unfinished.Unfinished.take = join
    assert codes == [-signal.SIGKILL, 0]
    seen = []
    assert encode(workspace, tmp_path / "out", 2, during=seen.append) == [(0, "")] * 2
    assert_same(tmp_path / "out", workspace.root / "whole")
    assert any("goes on behind" in str(e.data.get("message")) for e in events(workspace))


@pytest.mark.slow
def test_a_full_disk_of_one_is_told_by_the_leading_one(workspace, tmp_path):
    import resource

    def fill(seen):
        if my_number() == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    ended = encode(workspace, tmp_path / "out", 2, during=fill)
    assert [code for code, _ in ended] == [1, 1]
    assert "File too large; free some space" in ended[0][1], ended
    assert encode(workspace, tmp_path / "out", 2) == [(0, "")] * 2
    assert_same(tmp_path / "out", workspace.root / "whole")


@pytest.mark.slow
def test_under_torchrun(tmp_path):
    workspace = make_workspace(tmp_path / "ws", 0)
    untrained(workspace)
    make_images(workspace.inference, 200)
    encode_alone(workspace, tmp_path / "whole")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "fext_engine",
        "encode", "r", "--resources", str(workspace.root), "--output", str(tmp_path / "out"),
        "--set", "inference.batch_size=4", "--set", "device.num_workers=2", "--set", "device.device=cpu",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "out", tmp_path / "whole")
    assert list(workspace.jobs.glob("*/rank_1/events.jsonl"))


def journal_lines(folder):
    return sum(len(file.read_text().splitlines()) for file in folder.glob("**/journal.csv"))
