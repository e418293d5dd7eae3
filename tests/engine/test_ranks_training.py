"""Training by several processes, as torchrun starts them: the curve of one, whoever dies and however many go on."""

from __future__ import annotations

import csv
import sqlite3

import psutil
import pytest
from rank_processes import die, in_ranks, my_number
from tiny_training import ask_to_stop, at_step, make_workspace, small_settings, train

from fext_engine.errors import JobStopped
from fext_engine.jobs.supervisor import Supervisor
from fext_engine.jobs.together import new_or_interrupted, run_together
from fext_engine.ranks import Ranks
from fext_engine.training import trainer
from fext_engine.training.history import read_history
from fext_engine.training.run_folder import RunFolder

# The last of an epoch's batches, of 12 images, has fewer images than there are processes.
HARD = {
    "training__batch_size": 5, "training__ema": 0.9, "training__denoising": 0.1, "training__loss": "mae_ssim",
    "training__epochs": 3, "model__dropout": 0.3,
}  # fmt: skip


def together(workspace, verb="train", arguments=None, **changes):
    """The work of one of several processes."""
    settings, arguments = small_settings(**changes), arguments or {"name": "r"}
    return lambda: run_together(workspace, lambda: new_or_interrupted(workspace, verb, settings, arguments))


def curve(run: RunFolder) -> list[dict[str, float]]:
    """The figures of each epoch but what the clock says."""
    clock = ("seconds", "images_per_second")
    return [{k: v for k, v in record.values().items() if k not in clock} for record in read_history(run.history)]


def assert_same_curve(run: RunFolder, other: RunFolder) -> None:
    assert [r.epoch for r in read_history(run.history)] == [r.epoch for r in read_history(other.history)]
    for ours, theirs in zip(curve(run), curve(other), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return train(make_workspace(tmp_path_factory.mktemp("alone")), **HARD)


@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_several_processes_train_what_one_trains(tmp_path, alone, count):
    workspace = make_workspace(tmp_path)

    assert in_ranks(count, together(workspace, **HARD)) == [(0, "")] * count

    run = RunFolder(workspace.run("r"))
    assert_same_curve(run, alone)
    assert run.split.read_bytes() == alone.split.read_bytes()
    (job,) = Supervisor(workspace).jobs()
    assert (job.state, job.run) == ("finished", "r")
    with sqlite3.connect(workspace.database) as records:
        assert records.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
        assert records.execute("SELECT count(*) FROM epochs").fetchone() == (3,)


def test_a_batch_in_pieces_is_the_same_batch(tmp_path, alone):
    pieces = train(make_workspace(tmp_path), training__accumulation=3, **HARD)

    assert_same_curve(pieces, alone)


def test_a_stop_that_one_process_hears_is_all_of_theirs_and_another_number_goes_on(tmp_path, alone):
    workspace = make_workspace(tmp_path)

    def stopped_amid_an_epoch():
        with at_step(5, ask_to_stop if my_number() == 1 else lambda: None):
            together(workspace, **HARD)()

    ended = in_ranks(2, stopped_amid_an_epoch)
    assert [code for code, _ in ended] == [1, 1]
    assert all("stopped in epoch 2/3 after batch 2/3" in said for _, said in ended)

    assert in_ranks(3, together(workspace, "resume", {"run": "r", "epochs": 2})) == [(0, "")] * 3
    assert_same_curve(RunFolder(workspace.run("r")), alone)


@pytest.mark.parametrize("dies", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_after_a_death_all_start_anew_from_the_last_checkpoint(tmp_path, alone, dies):
    workspace = make_workspace(tmp_path)
    once_more = {"TORCHELASTIC_MAX_RESTARTS": "1", "TORCHELASTIC_RUN_ID": "x"}

    def one_dies():
        with at_step(8, die if my_number() == dies else lambda: None):
            together(workspace, **HARD)()

    ended = in_ranks(2, one_dies, TORCHELASTIC_RESTART_COUNT="0", **once_more)
    assert ended[dies][0] == -9
    assert ended[1 - dies][0] == 1
    assert "lost another one" in ended[1 - dies][1]
    assert len(read_history(workspace.run("r") / "history.csv")) == 2

    ended = in_ranks(3, together(workspace, **HARD), TORCHELASTIC_RESTART_COUNT="1", **once_more)
    assert ended == [(0, "")] * 3
    assert_same_curve(RunFolder(workspace.run("r")), alone)
    (job,) = Supervisor(workspace).jobs()
    assert job.state == "finished"


def test_what_was_saved_amid_an_epoch_is_gone_on_from_by_any_number(tmp_path, alone):
    workspace = make_workspace(tmp_path)

    def one_dies():
        trainer.SAVE_SECONDS = 0.0  # after every batch
        with at_step(5, die if my_number() == 1 else lambda: None):
            together(workspace, **HARD)()

    assert in_ranks(2, one_dies)[1][0] == -9
    assert RunFolder(workspace.run("r")).pointed("last").name == "0001_batch_1"
    assert in_ranks(3, together(workspace, "resume", {"run": "r", "epochs": 2})) == [(0, "")] * 3
    assert_same_curve(RunFolder(workspace.run("r")), alone)


def test_what_the_leader_cannot_do_fails_for_all(tmp_path):
    workspace = make_workspace(tmp_path, images=0)

    ended = in_ranks(2, together(workspace))

    assert [code for code, _ in ended] == [1, 1]
    assert all("there are no images in" in said for _, said in ended)


def test_shares_are_all_of_it_and_differ_by_one_at_most():
    for total in (0, 1, 2, 7, 12):
        shares = [Ranks(number, 3).share(total) for number in range(3)]
        assert [i for share in shares for i in share] == list(range(total))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_process_reads_only_its_share(tmp_path):
    """With pixels read anew each time, an image is opened by one process an epoch, and by one for its digest."""
    workspace = make_workspace(tmp_path)

    def noted():
        from fext_engine.training import cache

        read, log = cache.read_again, []
        cache.read_again = lambda request, path: (log.append(path), read(request, path))[1]
        together(workspace, training__epochs=1, dataset__cache="off")()
        (tmp_path / f"read_{my_number()}.csv").write_text("\n".join(log))

    assert [code for code, _ in in_ranks(2, noted)] == [0, 0]
    (first, second) = ((tmp_path / f"read_{n}.csv").read_text().split() for n in range(2))
    with RunFolder(workspace.run("r")).split.open() as file:
        trained = {row["path"] for row in csv.DictReader(file) if row["split"] == "train"}
    assert not set(first) & set(second) & trained
    assert trained <= set(first) | set(second)


@pytest.mark.slow
def test_all_devices_of_a_machine_train_one_run_and_go_on_after_a_death(tmp_path, alone, monkeypatch):
    """`device = all`, as on a machine with two GPUs: a real torchrun, one of whose workers is killed."""
    monkeypatch.setattr("fext_engine.jobs.launch.gpu_count", lambda: 2)
    workspace, killed = make_workspace(tmp_path), []

    def kill_one(event):
        if event.kind == "metric" and not killed:
            workers = [
                p for p in psutil.Process().children(recursive=True)
                if "fext_engine.jobs.child" in p.cmdline() and "torch.distributed.run" not in p.cmdline()
            ]  # fmt: skip
            assert len(workers) == 2
            killed.append(workers[1].pid)
            workers[1].kill()

    settings = small_settings(device__device="all", **HARD)
    run_together(workspace, lambda: new_or_interrupted(workspace, "train", settings, {"name": "r"}), kill_one)

    assert killed
    assert_same_curve(RunFolder(workspace.run("r")), alone)
    (job,) = Supervisor(workspace).jobs()
    assert job.state == "finished"


@pytest.mark.slow
def test_all_devices_stop_as_one_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr("fext_engine.jobs.launch.gpu_count", lambda: 2)
    workspace = make_workspace(tmp_path)
    settings = small_settings(device__device="all", training__epochs=10_000)

    def stop_once(event):
        if event.kind == "metric" and event.data["epoch"] == 1:
            ask_to_stop()

    with pytest.raises(JobStopped, match=r"stopped .* epoch"):
        run_together(workspace, lambda: new_or_interrupted(workspace, "train", settings, {"name": "r"}), stop_once)
    (job,) = Supervisor(workspace).jobs()
    assert job.state == "stopped"
