"""Resuming: bit for bit what an uninterrupted run would have been, after any stop, kill or move."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from own_process import in_own_process
from safetensors.torch import load_file
from tiny_training import (
    ask_to_stop,
    at_step,
    make_images,
    make_workspace,
    resume,
    small_settings,
    train,
)

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.run import run_here
from fext_engine.records import open_records
from fext_engine.records.runs import epochs_of, list_runs
from fext_engine.training import trainer
from fext_engine.training.history import read_history
from fext_engine.training.run_folder import RunFolder

STEPS = 3  # an epoch: 12 training images in batches of 4


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with an uninterrupted run of four epochs, called `whole`."""
    workspace = make_workspace(tmp_path_factory.mktemp("resume"))
    train(workspace, "whole", training__epochs=4)
    return workspace


def assert_equal_to_whole(workspace, run):
    other = RunFolder(workspace.run("whole"))
    for file in ("weights.safetensors", "state.safetensors"):
        ours, theirs = (load_file(folder.pointed("last") / file) for folder in (run, other))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours), file
    assert figures(run) == figures(other)
    assert run.pointed("best").name == other.pointed("best").name


def figures(run):
    """The history without what depends on the clock."""
    return [r.values() | {"images_per_second": 0, "seconds": 0} for r in read_history(run.history)]


def test_two_epochs_and_two_more_equal_four(workspace):
    train(workspace, "halves", training__epochs=2)
    assert_equal_to_whole(workspace, resume(workspace, "halves", 2))


@pytest.mark.parametrize(("step", "kept"), [(1, "0000_batch_1"), (5, "0001_batch_2"), (6, "0001_batch_3")])
def test_a_stop_amid_an_epoch_and_a_resume_change_nothing(workspace, step, kept):
    name = f"stopped{step}"
    with at_step(step, ask_to_stop), pytest.raises(JobStopped, match=f"resume {name}"):
        train(workspace, name, training__epochs=4)
    run = RunFolder(workspace.run(name))
    assert run.pointed("last").name == kept
    run = resume(workspace, name, 4 - (step - 1) // STEPS)
    assert_equal_to_whole(workspace, run)
    assert all(folder.name.isdigit() for folder in run.checkpoints())


def test_stopping_twice_in_one_epoch_loses_nothing(workspace):
    with at_step(4, ask_to_stop), pytest.raises(JobStopped):
        train(workspace, "twice", training__epochs=4)
    with at_step(1, ask_to_stop), pytest.raises(JobStopped):
        resume(workspace, "twice", 3)
    assert_equal_to_whole(workspace, resume(workspace, "twice", 3))


def test_a_killed_run_goes_on_from_its_last_whole_epoch(workspace):
    code = (
        "import os, signal, sys; from pathlib import Path; from tiny_training import *\n"
        "with at_step(8, lambda: os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))):\n"
        "    train(Workspace(Path(sys.argv[1])), 'killed', training__epochs=4)"
    )
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)],
        check=False,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
    )
    assert done.returncode < 0, done.stderr.decode()
    run = RunFolder(workspace.run("killed"))
    assert run.pointed("last").name == "0002"
    assert_equal_to_whole(workspace, resume(workspace, "killed", 2))


def test_a_killed_run_loses_of_a_long_epoch_only_what_came_after_the_last_save(workspace):
    def doomed():
        trainer.SAVE_SECONDS = 0.0  # after every batch
        with at_step(8, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            train(workspace, "saved", training__epochs=4)

    assert in_own_process(doomed)[0] == -signal.SIGKILL
    run = RunFolder(workspace.run("saved"))
    assert run.pointed("last").name == "0002_batch_1"
    assert [folder.name for folder in run.checkpoints()] == ["0001", "0002", "0002_batch_1"]
    assert_equal_to_whole(workspace, resume(workspace, "saved", 2))


def test_what_a_kill_left_behind_the_last_checkpoint_is_dropped(workspace):
    run = train(workspace, "torn", training__epochs=2)
    shutil.copytree(run.checkpoint(2), run.checkpoint(3))
    history = run.history.read_text()
    run.history.write_text(history + history.splitlines()[-1].replace("2,", "3,", 1) + "\n")
    assert_equal_to_whole(workspace, resume(workspace, "torn", 2))


def test_epochs_of_a_stopped_run_count_the_partial_one_as_the_first(workspace):
    with at_step(2, ask_to_stop), pytest.raises(JobStopped):
        train(workspace, "partial", training__epochs=4)
    run = resume(workspace, "partial", 1)
    assert [r.epoch for r in read_history(run.history)] == [1]


def test_the_database_follows_a_run(workspace):
    with at_step(4, ask_to_stop), pytest.raises(JobStopped):
        train(workspace, "recorded", training__epochs=3)
    with open_records(workspace.database) as records:
        stopped = {r.name: r for r in list_runs(records)}["recorded"]
        assert (stopped.state, stopped.epochs_done, stopped.epochs_planned) == ("stopped", 1, 3)
    run = resume(workspace, "recorded", 2)
    history = read_history(run.history)
    with open_records(workspace.database) as records:
        finished = {r.name: r for r in list_runs(records)}["recorded"]
        assert (finished.state, finished.epochs_done) == ("finished", 3)
        assert finished.best_val_loss == min(r.val_loss for r in history)
        assert epochs_of(records, "recorded") == [{"epoch": r.epoch, **r.values()} for r in history]


def test_moved_images_are_asked_for_and_found_again(tmp_path):
    workspace = make_workspace(tmp_path / "ws", images=0)
    old, new = make_images(tmp_path / "old"), tmp_path / "new"
    train(workspace, dataset__images=str(old), training__epochs=1)
    old.rename(new)
    with pytest.raises(FextError, match=r"old does not exist; .*--images"):
        resume(workspace, epochs=1)
    run = resume(workspace, epochs=1, dataset__images=str(new))
    assert len(read_history(run.history)) == 2


def test_missing_and_changed_images_are_named(tmp_path):
    workspace = make_workspace(tmp_path)
    train(workspace, training__epochs=1)
    (workspace.images / "a" / "000.png").unlink()
    shutil.copy(workspace.images / "b" / "003.png", workspace.images / "b" / "001.png")
    said = []
    resume(workspace, epochs=1, on_event=said.append)
    warnings = [e.data["message"] for e in said if e.data.get("level") == "warning"]
    assert any("1 of 16 images are missing" in w and "a/000.png" in w for w in warnings)
    assert any("1 images have changed" in w and "b/001.png" in w for w in warnings)


def test_the_split_of_a_resumed_run_stays_when_images_are_added(tmp_path):
    workspace = make_workspace(tmp_path)
    run = train(workspace, training__epochs=1)
    split = run.split.read_text()
    make_images(workspace.images / "more", 8)
    summary = run_here(workspace, "resume", small_settings(), {"run": "r", "epochs": 1})
    assert (summary["train_images"], summary["validation_images"]) == (12, 4)
    assert run.split.read_text() == split


def test_a_run_is_written_by_one_job_at_a_time(workspace):
    run = RunFolder(workspace.run("whole"))
    with run.locked(), pytest.raises(FextError, match="another job"):
        resume(workspace, "whole", 1)


@pytest.mark.parametrize("file", ["weights.safetensors", "state.safetensors", "state.json"])
@pytest.mark.parametrize("fault", ["cut", "changed", "gone"])
def test_a_damaged_checkpoint_is_refused_by_name(workspace, tmp_path, file, fault):
    shutil.copytree(workspace.run("whole"), workspace.run("hurt"), dirs_exist_ok=True)
    path = RunFolder(workspace.run("hurt")).pointed("last") / file
    data = path.read_bytes()
    if fault == "gone":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if fault == "cut" else b"\0" + data[1:])
    with pytest.raises(FextError, match=file):
        resume(workspace, "hurt", 1)
    shutil.rmtree(workspace.run("hurt"))


def test_a_pointer_to_nothing_is_refused_with_what_there_is(workspace):
    shutil.copytree(workspace.run("whole"), workspace.run("lost"))
    (workspace.run("lost") / "last").write_text("../../../x\n")
    with pytest.raises(FextError, match="0004"):
        resume(workspace, "lost", 1)


def test_a_foreign_configuration_does_not_load_the_weights(workspace):
    shutil.copytree(workspace.run("whole"), workspace.run("foreign"))
    configuration = workspace.run("foreign") / "configuration.toml"
    configuration.write_text(configuration.read_text().replace("Redux", "Medium"))
    with pytest.raises(FextError, match="does not fit FextAE Medium"):
        resume(workspace, "foreign", 1)
