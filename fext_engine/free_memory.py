"""How much memory this process may still take: what is free on the machine, in its container and within its limits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_FILES = {
    "": ("memory.max", "memory.current"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes"),  # version 1, in a hierarchy of its own
}


def free_memory() -> int:
    """Bytes: the least of what is available, what a control group (container, SLURM) leaves, and `ulimit -v`."""
    return max(0, min(int(psutil.virtual_memory().available), *_left_by_groups(), *_left_by_limit()))


def _left_by_groups() -> Iterator[int]:
    """What each control group around this process leaves; files that can be dropped count as free."""
    with suppress(OSError):
        for line in _MEMBERSHIP.read_text(encoding="utf-8").splitlines():
            _, kind, path = line.split(":", 2)
            if kind not in _FILES:
                continue
            limit, usage = _FILES[kind]
            top = _CONTROL_GROUPS / kind
            group = top / path.lstrip("/")
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError):  # not there in a container, or `max`
                    allowed = int((folder / limit).read_text())
                    yield allowed - int((folder / usage).read_text()) + _droppable(folder)
                if folder == top:
                    break


def _droppable(folder: Path) -> int:
    numbers = dict(line.split(" ") for line in (folder / "memory.stat").read_text().splitlines())
    return int(numbers.get("total_inactive_file", numbers.get("inactive_file", 0)))


def _left_by_limit() -> Iterator[int]:
    if sys.platform != "win32":
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - int(psutil.Process().memory_info().vms)
