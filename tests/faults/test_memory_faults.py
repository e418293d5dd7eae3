"""Memory that runs out, a compiler that is missing or fails, a loss that explodes: what a training makes of it."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from functools import partial

import psutil
import pytest
import torch
from own_process import in_own_process
from safetensors.torch import load_file
from tiny_training import ask_to_stop, at_step, make_workspace, resume, small_settings, untrained
from tiny_training import train as train_with
from torch.nn.modules.module import register_module_forward_hook

from fext_engine import free_memory
from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.death import explain_death
from fext_engine.jobs.folder import create_job
from fext_engine.jobs.run import run_here
from fext_engine.model.autoencoder import Autoencoder
from fext_engine.training.device import compile_model
from fext_engine.training.history import read_history
from fext_engine.training.run_folder import RunFolder

CPU = torch.device("cpu")
train = partial(train_with, training__optimizer="adamw")  # its steps take a third of the time of Muon's
AUTO = {"training__batch_size": "auto"}  # of 12 training images: 4


def cuda_has_none() -> None:
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has ...")


def cpu_has_none() -> None:
    torch.empty(1 << 50)  # of the real allocator


@contextmanager
def room_for(images, refuse, from_step=1):
    """Let memory run out in each training step of more than so many images, from a step on counted over all."""
    steps = 0

    def compute(module, inputs, output):
        nonlocal steps
        if isinstance(module, Autoencoder) and module.training:
            steps += 1
            if steps >= from_step and len(inputs[0]) > images:
                refuse()

    handle = register_module_forward_hook(compute)
    try:
        yield
    finally:
        handle.remove()


class Brighter(torch.nn.Module):
    """A model that compiles in a moment."""

    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, images):
        return images * self.factor


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("memory"))


def change(run, before, after):
    """Write another value into a run's configuration, as its user may."""
    text = run.configuration.read_text()
    assert before in text
    run.configuration.write_text(text.replace(before, after))


def same_state(run, other):
    for file in ("weights.safetensors", "state.safetensors"):
        ours, theirs = (load_file(folder.pointed("last") / file) for folder in (run, other))
        assert ours.keys() == theirs.keys()
        if not all(torch.equal(ours[name], theirs[name]) for name in ours):
            return False
    return True


def test_auto_goes_on_from_the_last_checkpoint_with_half_the_batch(workspace, fault_table):
    """Somebody else takes the GPU's memory in the second epoch: what comes out is as if the batch had been changed."""
    said = []
    with room_for(2, cuda_has_none, from_step=5):
        run = train(workspace, "halved", on_event=said.append, training__epochs=3, **AUTO)
    told = [e.data["message"] for e in said if e.data.get("level") == "warning"]
    assert told == ["out of memory with 4 images a step: on with 2, from checkpoint 0001"]
    assert run.settings().training.batch_size == 2
    assert [r.epoch for r in read_history(run.history)] == [1, 2, 3]
    by_hand = train(workspace, "by_hand", training__epochs=1, **AUTO)
    change(by_hand, "batch_size = 4", "batch_size = 2")
    assert same_state(run, resume(workspace, "by_hand", 2))
    fault_table(
        fault="GPU memory runs out amid an epoch, batch size auto",
        where="train",
        saw=told[0],
        lost="the epoch",
    )


def test_auto_comes_down_to_one_image_and_no_further(workspace, fault_table):
    with room_for(1, cpu_has_none):
        run = train(workspace, "one", training__epochs=1, **AUTO)
    assert run.settings().training.batch_size == 1 and len(read_history(run.history)) == 1
    with room_for(0, cpu_has_none), pytest.raises(FextError) as failure:
        train(workspace, "none", training__epochs=1, training__batch_size=1)
    for word in (
        "one image",
        "can't allocate memory",
        "dataset.image_height",
        "dataset.image_width",
        "model.name",
    ):
        assert word in str(failure.value)
    assert "lower training.batch_size" not in str(failure.value)
    fault_table(
        fault="no memory for one image", where="train", saw=failure.value.do, lost="nothing was trained"
    )


def test_a_fixed_batch_ends_with_what_to_lower_and_goes_on_when_that_is_done(workspace, fault_table):
    said = []
    with room_for(3, cuda_has_none, from_step=5), pytest.raises(FextError) as failure:
        train(workspace, "later", on_event=said.append)
    assert said[-1].kind == "failed"
    run = RunFolder(workspace.run("later"))
    for words in (
        "batch_size 4 is 4 images of 24x16",
        "CUDA out of memory",
        f"lower training.batch_size in {run.configuration}",
        "fext resume later",
    ):
        assert words in str(failure.value)
    change(run, "batch_size = 4", "batch_size = 3")
    with room_for(3, cuda_has_none):
        resume(workspace, "later", 1)
    assert [r.epoch for r in read_history(run.history)] == [1, 2]
    fault_table(
        fault="GPU memory runs out amid an epoch, a fixed batch size", where="train",
        saw=failure.value.do.replace(str(workspace.root), ""), lost="the epoch; resume goes on",
    )  # fmt: skip


def test_a_changed_batch_size_shows_each_image_of_a_stopped_epoch_once(workspace):
    with at_step(5, ask_to_stop), pytest.raises(JobStopped):
        train(workspace, "stopped", training__epochs=2)  # after 8 of the second epoch's 12 images
    change(RunFolder(workspace.run("stopped")), "batch_size = 4", "batch_size = 2")
    with at_step(3, lambda: pytest.fail("a third step")):
        run = resume(workspace, "stopped", 1)
    assert [r.epoch for r in read_history(run.history)] == [1, 2]
    assert '"step": 12' in (run.pointed("last") / "state.json").read_text()  # two epochs of six


def limited(room, verb, settings, arguments, workspace):
    """Run a job in a process that may take so many bytes more; what it says when that is not enough."""

    def work():
        taken = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (taken + room, taken + room))
        run_here(workspace, verb, settings, arguments)

    code, said = in_own_process(work)
    assert code == 1, said
    return said


def test_a_process_without_memory_says_which_setting_to_lower(workspace, fault_table):
    """The address space is limited for real: the batch alone, before any layer, is larger than what is left."""
    large = {"dataset__image_height": 1024, "dataset__image_width": 1024}
    said = limited(
        100 << 20, "train", small_settings(training__batch_size=12, dataset__cache="off", **large),
        {"name": "large"}, workspace,
    )  # fmt: skip
    assert "out of memory: training.batch_size 12" in said and "dataset.image_height" in said
    fault_table(
        fault="no memory left on the CPU", where="train", saw=said.split("; ")[-1], lost="nothing was trained"
    )
    run = untrained(workspace, "wide", **large)
    run.split.write_bytes(RunFolder(workspace.run("large")).split.read_bytes())
    arguments = {
        "encode": {"input": str(workspace.images), "output": str(workspace.root / "out")},
        "evaluate": {},
    }
    for verb, more in arguments.items():
        settings = small_settings(inference__batch_size=16, device__num_workers=1)
        said = limited(30 << 20, verb, settings, {"run": "wide"} | more, workspace)
        assert "out of memory" in said and "lower inference.batch_size" in said
        fault_table(fault="no memory left on the CPU", where=verb, saw=said.split("; ")[-1], lost="nothing")


def test_a_job_killed_for_memory_names_its_own_setting(workspace):
    ends = {
        verb: explain_death(create_job(workspace, verb, small_settings(), {})) for verb in ("encode", "train")
    }
    assert "inference.batch_size" in ends["encode"].data["do"]
    assert "training.batch_size" in ends["train"].data["do"]


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        (
            "0::/job/step",
            {"job/memory.max": "5000000", "job/memory.current": "4000000", "job/step/memory.max": "max"},
        ),
        (
            "4:memory:/job",
            {"memory/job/memory.limit_in_bytes": "5000000", "memory/job/memory.usage_in_bytes": "4000000"},
        ),
    ],
)
def test_what_is_free_heeds_the_container(tmp_path, monkeypatch, kind, files):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
        (tmp_path / name).with_name("memory.stat").write_text("anon 9\ninactive_file 1000\n")
    (tmp_path / "membership").write_text(f"9:pids:/x\n{kind}\n")
    monkeypatch.setattr(free_memory, "_CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(free_memory, "_MEMBERSHIP", tmp_path / "membership")
    assert free_memory.free_memory() == 1_001_000


def test_what_is_free_heeds_the_limit_of_the_process():
    def work():
        taken = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (taken + (50 << 20), taken + (50 << 20)))
        assert 0 < free_memory.free_memory() <= 50 << 20

    assert in_own_process(work) == (0, "")


def test_compiling_that_fails_for_a_later_shape_leaves_the_model_eager(fault_table):
    from torch._dynamo import register_backend  # takes seconds to import

    compiled = []

    @register_backend
    def works_once(graph, example_inputs):
        compiled.append(graph)
        if len(compiled) > 1:
            raise RuntimeError("no space left for the compiler")
        return graph.forward

    model, said = Brighter(), []
    settings = small_settings().training.model_copy(update={"jit": "on", "jit_backend": "works_once"})
    compile_model(model, (4, 3, 8, 8), CPU, settings, said.append)
    assert compiled and not said
    for count in (4, 3, 2):
        images = torch.rand(count, 3, 8, 8)
        assert torch.equal(model(images), model.forward(images))
    assert len(said) == 1 and "not compiled" in said[0] and "no space left" in said[0]
    fault_table(fault="torch.compile fails amid a training", where="train", saw=said[0], lost="nothing")


@pytest.mark.slow
def test_a_machine_without_a_compiler_trains_eagerly_with_a_notice(workspace, tmp_path, fault_table):
    notices = tmp_path / "notices"

    def work():
        os.environ["PATH"] = str(tmp_path)
        for name in ("CC", "CXX"):
            os.environ.pop(name, None)
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(
            tmp_path / "inductor"
        )  # else it may have been compiled before
        said = []
        run = train(workspace, "eager", on_event=said.append, training__epochs=1, training__jit="on")
        assert len(read_history(run.history)) == 1
        notices.write_text("\n".join(e.data["message"] for e in said if e.data.get("level") == "warning"))

    assert in_own_process(work) == (0, "")
    assert "not compiled" in notices.read_text() and "C++ compiler" in notices.read_text()
    fault_table(fault="no compiler on the machine", where="train", saw=notices.read_text(), lost="nothing")


def test_a_learning_rate_that_explodes_keeps_the_last_good_checkpoint(workspace, fault_table):
    run = train(workspace, "explodes", training__epochs=1, schedule__warmup_steps=0)
    good = load_file(run.pointed("last") / "weights.safetensors")
    change(run, "initial_lr = 0.001", "initial_lr = 1.0")
    with pytest.raises(FextError) as failure:
        resume(workspace, "explodes", 20)
    for words in (
        "training diverged in epoch",
        "the last good state is epoch",
        "schedule.initial_lr",
        "fext resume",
    ):
        assert words in str(failure.value)
    weights = load_file(run.pointed("last") / "weights.safetensors")
    assert (
        all(torch.equal(weights[name], good[name]) for name in good) and len(read_history(run.history)) == 1
    )
    change(run, "initial_lr = 1.0", "initial_lr = 0.001")
    resume(workspace, "explodes", 1)
    assert [r.epoch for r in read_history(run.history)] == [1, 2]
    fault_table(
        fault="the loss is no number any more",
        where="resume",
        saw=str(failure.value),
        lost="the epoch that diverged",
    )
