"""Training a new run: its folder, its events, and what it does about faults."""

from __future__ import annotations

import csv
from dataclasses import asdict
from hashlib import sha256
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_training import (
    ask_to_stop,
    at_step,
    make_images,
    make_workspace,
    plant_broken_files,
    resume,
    small_settings,
    train,
)

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.run import run_here
from fext_engine.paths import unescape_name
from fext_engine.sections import DeviceSettings
from fext_engine.training.device import choose_device, gpu_load
from fext_engine.training.history import best_epoch, read_history, write_history
from fext_engine.training.run_folder import RunFolder, read_split


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("training"))


def test_a_run_leaves_the_documented_files_and_events(workspace):
    events = []
    run = train(workspace, "files", events.append)
    there = {p.relative_to(run.path).as_posix() for p in run.path.rglob("*") if p.is_file()} - {"lock"}
    states = {"weights.safetensors", "state.safetensors", "state.json"}
    assert there == {
        "configuration.toml", "history.csv", "split.csv", "best", "last",
        "samples/epoch_0001.png", "samples/epoch_0002.png",
        *(f"epochs/{epoch}/{file}" for epoch in ("0001", "0002") for file in states),
    }  # fmt: skip
    assert run.settings().dataset.images == str(workspace.images)
    rows = read_split(run)
    assert [r.split for r in rows].count("validation") == 4
    assert all(r.digest == sha256((workspace.images / r.path).read_bytes()).hexdigest() for r in rows)
    with run.history.open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    metrics = [e for e in events if e.kind == "metric"]
    assert [e.data["epoch"] for e in metrics] == [1, 2]
    assert {"loss", "val_loss", "mae", "val_mae", "cosine", "learning_rate", "images_per_second"} <= metrics[
        0
    ].data["values"].keys()
    live = [e.data for e in events if e.kind == "progress" and e.data["stage"] == "training"][-1]
    assert (live["epoch"], live["epochs"], live["done"]) == (2, 2, live["total"])
    assert 0 < live["learning_rate"] <= 1e-3 and live["cpu_percent"] >= 0 and live["cores"] >= 1
    assert live["memory_bytes"] > 10e6 and "gpu_memory_bytes" not in live
    samples = [unescape_name(e.data["path"]) for e in events if e.kind == "sample"]
    assert Image.open(samples[0]).size == (4 * 16 + 3 * 2, 2 * 24 + 2)
    progress = [e.data for e in events if e.kind == "progress" and e.data["stage"] == "training"]
    assert (progress[-1]["done"], progress[-1]["total"]) == (32, 32)
    assert events[-1].kind == "finished"
    assert events[-1].data["summary"]["run"] == "files"


def test_training_learns(workspace):
    run = train(
        workspace, "learns", training__epochs=8, augmentation__enabled=False, schedule__initial_lr=2e-3
    )
    history = read_history(run.history)
    assert history[-1].loss < 0.7 * history[0].loss
    assert history[-1].val_loss < history[0].val_loss


@pytest.mark.parametrize(
    "changes",
    [
        {"training__loss": "mse", "training__optimizer": "adamw", "training__gradient_clip": 0},
        {"dataset__grayscale": True, "dataset__cache": "off", "dataset__shuffle": False},
        {"model__name": "FextAE Medium", "schedule__kind": "wsd", "dataset__cache": "ram"},
        {"training__mixed_precision": "on", "training__batch_size": 5},
        pytest.param({"training__jit": "on", "training__jit_backend": "eager"}, marks=pytest.mark.slow),
    ],
)
def test_other_settings_train_too(tmp_path, changes):
    run = train(make_workspace(tmp_path, 8), training__epochs=1, **changes)
    assert read_history(run.history)[0].val_loss > 0


@pytest.mark.slow
def test_a_compiler_that_fails_leaves_the_model_eager_with_a_notice(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "/nonexistent/compiler")
    said = []
    run = train(
        make_workspace(tmp_path, 8),
        on_event=said.append,
        training__epochs=1,
        training__jit="on",
        training__jit_backend="inductor",
    )
    assert read_history(run.history)
    assert any("not compiled" in e.data.get("message", "") for e in said)


def test_broken_files_are_named_and_the_others_trained_on(tmp_path):
    workspace = make_workspace(tmp_path)
    broken = plant_broken_files(workspace.images)
    said = []
    run = train(workspace, on_event=said.append)
    warnings = [e.data["message"] for e in said if e.data.get("level") == "warning"]
    assert all(any(path in w and status in w for w in warnings) for path, status in broken.items())
    with run.left_out.open(newline="") as file:
        assert {row["path"]: row["status"] for row in csv.DictReader(file)} == broken
    assert not {r.path for r in read_split(run)} & broken.keys()


def test_a_folder_without_a_usable_image_says_so_and_leaves_no_run(tmp_path):
    workspace = make_workspace(tmp_path, images=0)
    with pytest.raises(FextError, match="no images in"):
        train(workspace)
    for i in range(3):
        (workspace.images / f"{i}.png").write_bytes(b"")
    with pytest.raises(FextError, match="0 of 3 files"):
        train(workspace)
    assert not list(workspace.checkpoints.iterdir())


def test_a_loss_that_is_no_number_ends_the_run_with_the_last_good_state_kept(workspace):
    def spoil():
        for module in spoiled:
            module.weight.data.fill_(float("nan"))

    spoiled = []

    def remember(module, inputs, output):
        if isinstance(module, torch.nn.Conv2d) and not spoiled:
            spoiled.append(module)

    handle = torch.nn.modules.module.register_module_forward_hook(remember)
    try:
        with at_step(5, spoil), pytest.raises(FextError, match=r"last good state is epoch 1.*initial_lr"):
            train(workspace, "diverges", training__epochs=4)
    finally:
        handle.remove()
    run = RunFolder(workspace.run("diverges"))
    weights = load_file(run.pointed("last") / "weights.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())
    assert len(read_history(run.history)) == 1


def test_old_checkpoints_go_but_never_the_best_or_the_last(workspace):
    run = train(workspace, "pruned", training__epochs=2, training__keep_last=2)
    history = read_history(run.history)
    write_history(run.history, [type(r)(**(asdict(r) | {"val_loss": 0.001 * r.epoch})) for r in history])
    run = resume(workspace, "pruned", 4)
    assert [p.name for p in run.checkpoints()] == ["0001", "0005", "0006"]
    assert (run.pointed("best").name, run.pointed("last").name) == ("0001", "0006")


def test_checkpoints_are_saved_as_often_as_asked_and_at_the_end(tmp_path):
    run = train(
        make_workspace(tmp_path, 8), training__epochs=5, training__checkpoint_every=3, training__keep_last=9
    )
    best = f"{best_epoch(read_history(run.history)).epoch:04d}"
    assert {"0003", "0005", best} <= {p.name for p in run.checkpoints()}


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a\nb", "latest", "x" * 101, "dot."])
def test_names_that_cannot_be_folders_are_refused(workspace, name):
    with pytest.raises(FextError, match="cannot name a run"):
        run_here(workspace, "train", small_settings(), {"name": name})


def test_a_name_that_is_taken_is_refused_before_any_work(workspace):
    workspace.run("taken").mkdir()
    with pytest.raises(FextError, match="already"):
        run_here(workspace, "train", small_settings(), {"name": "taken"})


def test_a_run_without_a_name_is_called_after_its_model(tmp_path):
    workspace = make_workspace(tmp_path, 8)
    summary = run_here(workspace, "train", small_settings(training__epochs=1), {})
    assert summary["run"].startswith("FextAE-Redux_2")
    assert workspace.run(summary["run"]).is_dir()


def test_a_stop_before_the_first_batch_leaves_no_run(tmp_path):
    workspace = make_workspace(tmp_path, 8)

    def stop_while_reading(event):
        if event.kind == "progress" and event.data["stage"] == "reading images":
            ask_to_stop()

    with pytest.raises(JobStopped, match="images were read"):
        train(workspace, on_event=stop_while_reading)
    assert not list(workspace.checkpoints.iterdir())


def test_a_gpu_that_is_not_there_is_refused_with_the_way_out():
    for kind, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if not there:
            with pytest.raises(FextError, match=r"device\.device=auto"):
                choose_device(DeviceSettings(device=kind))
    assert choose_device(DeviceSettings(device="cpu")).type == "cpu"


def test_what_a_gpu_is_used_for_is_told_as_far_as_it_can_be_known(monkeypatch):
    assert gpu_load(torch.device("cpu")) == {}
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 3_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=80_000_000))
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: 87)
    memory = {"gpu_memory_bytes": 3_000_000, "gpu_memory_total_bytes": 80_000_000}
    assert gpu_load(gpu) == memory | {"gpu_percent": 87}

    def no_library(device):
        raise ModuleNotFoundError("pynvml")

    monkeypatch.setattr(torch.cuda, "utilization", no_library)
    assert gpu_load(gpu) == memory


def test_sub_sampling_and_odd_sizes(tmp_path):
    workspace = make_workspace(tmp_path, 0)
    make_images(workspace.images, 20)
    summary = run_here(
        workspace,
        "train",
        small_settings(
            dataset__sample_size=0.5, dataset__image_height=33, dataset__image_width=50, training__epochs=1
        ),
        {},
    )
    assert summary["train_images"] + summary["validation_images"] == 10


def test_a_full_disk_ends_the_run_with_its_last_checkpoint_whole(tmp_path):
    resource = pytest.importorskip("resource")
    workspace = make_workspace(tmp_path, 8)
    run = train(workspace, training__epochs=1)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (1 << 20, unlimited[1])
    )  # weights are larger than a file may be
    try:
        with pytest.raises(FextError, match=r"cannot be written.*resume r"):
            resume(workspace, epochs=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert [p.name for p in run.epochs.iterdir()] == ["0001"]
    assert len(read_history(resume(workspace, epochs=1).history)) == 2


def test_curves_for_tensorboard_are_written_or_their_absence_told(tmp_path):
    said = []
    run = train(
        make_workspace(tmp_path, 8), on_event=said.append, training__epochs=1, training__tensorboard=True
    )
    told = any("TensorBoard" in e.data.get("message", "") for e in said)
    assert told or list((run.path / "tensorboard").iterdir())
