"""What computes, in which number format, and whether the model is compiled."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import torch
from torch import nn

from fext_engine.errors import FextError, is_out_of_memory
from fext_engine.ranks import ALONE, Ranks
from fext_engine.sections import DeviceSettings, TrainingSettings

WAY_OUT = "choose another with --set device.device=auto"


def choose_device(settings: DeviceSettings, ranks: Ranks = ALONE) -> torch.device:
    """The device that the settings ask for; `auto` and `all` take CUDA, then Apple's GPU, then the CPU.

    Of several `ranks` each takes the GPU of its number on its machine. Raises FextError when there is none.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available() and ranks.count == 1
    kind = settings.device
    if kind in ("auto", "all"):
        kind = "cuda" if cuda else "mps" if mps else "cpu"
    if kind == "mps" and not mps:
        raise FextError("Apple's GPU (mps) was asked for, and there is none that torch can use", WAY_OUT)
    if kind != "cuda":
        return torch.device(kind)
    if not cuda:
        raise FextError(f"CUDA was asked for, and this torch ({torch.__version__}) finds no GPU", WAY_OUT)
    count, number = torch.cuda.device_count(), settings.device_id if ranks.count == 1 else ranks.local
    if number >= count:
        raise FextError(
            f"GPU number {number} was asked for, and there are {count}, counted from 0",
            "set device.device_id to one that is there"
            if ranks.count == 1
            else "start as many processes on each machine as it has GPUs: --nproc-per-node=gpu",
        )
    torch.set_float32_matmul_precision("high")
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def describe_devices() -> list[str]:
    """What torch can compute on, a line each: the name that settings give it, what it is, its memory."""
    lines = [f"cpu  {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"]
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        lines.append(
            f"cuda {number}  {about.name}, {about.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
        )
    if torch.backends.mps.is_available():
        lines.append("mps  Apple's GPU")
    return lines


def autocast(device: torch.device, mixed_precision: str) -> AbstractContextManager[object]:
    """A context in which the model computes in bfloat16, or in float32 where the policy says so.

    `auto` means bfloat16 on a CUDA device built for it, and float32 elsewhere: CPUs without AMX or AVX-512
    emulate bfloat16 slowly. bfloat16 has float32's range, so no loss scaling is needed.
    """
    wanted = mixed_precision == "on"
    if mixed_precision == "auto":
        wanted = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, dtype=torch.bfloat16) if wanted else nullcontext()


def compile_model(
    model: nn.Module,
    shape: tuple[int, int, int, int],
    device: torch.device,
    settings: TrainingSettings,
    log: Callable[[str], None],
) -> None:
    """Compile `model` in place when the settings say so (`auto`: on CUDA), checked on a batch of `shape`.

    In place, so that the names of the weights stay as they are. A machine without a working compiler is
    told so through `log`, and the model stays eager; so it becomes where compiling for another shape fails later.
    On a CPU compiling takes longer than it saves. Raises what says that memory ran out.
    """

    def give_up(error: Exception) -> None:
        model._compiled_call_impl = None  # undoes nn.Module.compile, which has no public way back
        log(f"the model is not compiled: {type(error).__name__}: {' '.join(str(error).split())[:200]}")

    def call(*arguments: Any) -> Any:
        try:
            return compiled(*arguments)  # type: ignore[misc]  # after compile() it is a function
        except Exception as error:  # the compiler's own exceptions, a missing C compiler, Triton's ...
            if is_out_of_memory(error):
                raise
            give_up(error)
            return model(*arguments)

    if settings.jit == "off" or (settings.jit == "auto" and device.type != "cuda"):
        return
    model.compile(backend=settings.jit_backend)
    compiled, model._compiled_call_impl = model._compiled_call_impl, call
    example = torch.zeros(shape, device=device).to(memory_format=torch.channels_last)
    try:
        with autocast(device, settings.mixed_precision):
            model(example).mean().backward()
    except Exception as error:  # of the way back, which is compiled when it is first gone
        if is_out_of_memory(error):
            raise
        give_up(error)
    model.zero_grad(set_to_none=True)


def gpu_load(device: torch.device) -> dict[str, float]:
    """What this process takes of a GPU, without waiting for it; empty for a CPU.

    `gpu_memory_bytes` of `gpu_memory_total_bytes`, and `gpu_percent`, how busy the GPU is, where NVIDIA's
    management library can be asked (the package nvidia-ml-py).
    """
    if device.type == "mps":
        return {"gpu_memory_bytes": torch.mps.driver_allocated_memory()}
    if device.type != "cuda":
        return {}
    load: dict[str, float] = {
        "gpu_memory_bytes": torch.cuda.memory_reserved(device),
        "gpu_memory_total_bytes": torch.cuda.get_device_properties(device).total_memory,
    }
    with suppress(Exception):  # no package, no library, or the library's own errors, as on a part of a GPU
        load["gpu_percent"] = torch.cuda.utilization(device)
    return load


if __name__ == "__main__":  # for a process that does not import torch itself
    print("\n".join(describe_devices()))
