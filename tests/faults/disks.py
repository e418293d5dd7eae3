"""Disks with faults, for tests: small ones that fill up, and folders that nobody can write."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _mount(*arguments: str) -> None:
    """Mount something; skips the test where that is not allowed, as in many containers."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine mounts nothing: {done.stderr.strip()}")


@contextmanager
def _mounted(place: Path, *arguments: str) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    _mount(*arguments, str(place))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


class SmallDisk:
    """A file system of a few megabytes at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def filled(self, left: int = 0) -> Iterator[None]:
        """Fill it but for `left` bytes; there is room again afterwards."""
        ballast = self.path / "ballast"
        free = shutil.disk_usage(self.path).free
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(4096, free - left))
        try:
            yield
        finally:
            ballast.unlink()


@contextmanager
def small_disk(path: Path, megabytes: int = 64) -> Iterator[SmallDisk]:
    """Mount one."""
    with _mounted(path, "-t", "tmpfs", "-o", f"size={megabytes}m", "none"):
        yield SmallDisk(path)


@contextmanager
def read_only(folder: Path, place: Path) -> Iterator[Path]:
    """`folder`, seen at `place` in a way that even root cannot write."""
    with _mounted(place, "--bind", str(folder)):
        _mount("-o", "remount,bind,ro", str(place))
        yield place
