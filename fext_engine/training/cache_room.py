"""Where there is room for a run's pixels, and which older caches make way for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.free_memory import free_memory
from fext_engine.workspace import mark_newest

GB = 1_000_000_000
PREFIX = "pixels-"
_MEMORY_SHARE = 0.5  # of what is available, so that the training itself has room
_DISK_SHARE = 0.8


def choose_mode(
    wanted: str,
    needed: int,
    stored: Path,
    limit_gb: float,
    log: Callable[[str], None],
    *,
    several: bool = False,
) -> str:
    """Where `needed` bytes of pixels are kept: `disk`, `ram` or `off`; on disk they would be the folder `stored`.

    `auto` keeps them on disk where there is room, since a memory map is as fast as memory while it fits
    there and the next run finds it; else in memory; else nowhere. `several` processes have them on disk or
    nowhere: in memory each would have them all. Raises FextError when the mode that was asked for has no room.
    """
    if several and wanted == "ram":
        log("several processes share the resized images on disk: in memory each would have them all")
        wanted = "auto"
    fits = {"ram": needed < _MEMORY_SHARE * free_memory(), "disk": False, "off": True}
    with suppress(OSError):
        stored.parent.mkdir(parents=True, exist_ok=True)
        spare = shutil.disk_usage(stored.parent).free + sum(map(_size, _others(stored)))
        fits["disk"] = stored.is_dir() or (needed < _DISK_SHARE * spare and needed <= limit_gb * GB)
    fits["ram"] &= not several
    if wanted != "auto":
        if not fits[wanted]:
            raise FextError(
                f"the resized images take {needed / GB:.2f} GB, more than there is room for ({wanted})",
                "set dataset.cache to auto, a higher dataset.cache_limit, a smaller image size, or a smaller "
                "dataset.sample_size",
            )
        return wanted
    mode = next(mode for mode in ("disk", "ram", "off") if fits[mode])
    if mode == "off":
        log(f"no room to keep {needed / GB:.2f} GB of resized images: they are read anew each epoch")
    return mode


def make_room(needed: int, stored: Path, limit_gb: float, log: Callable[[str], None]) -> None:
    """Remove the caches beside `stored` that were used longest ago, until `needed` bytes more keep the limit.

    A training that maps one of them keeps its pixels: a file goes when the last one that has it open does.
    """
    others = sorted(_others(stored), key=lambda folder: folder.stat().st_mtime)
    total = needed + sum(map(_size, others))
    for folder in others:
        free = shutil.disk_usage(stored.parent).free
        if total <= limit_gb * GB and needed < _DISK_SHARE * free:
            return
        size = _size(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            total -= size
            log(f"removed {size / GB:.2f} GB of resized images that were used longest ago: {folder.name}")


def mark_used(stored: Path) -> None:
    """Note that a cache was used now."""
    with suppress(OSError):
        os.utime(stored)
        mark_newest(stored, _others(stored))


def _others(stored: Path) -> list[Path]:
    return [f for f in stored.parent.glob(f"{PREFIX}*") if f.is_dir() and f != stored]


def _size(folder: Path) -> int:
    with suppress(OSError):
        return sum(file.stat().st_size for file in folder.iterdir())
    return 0
