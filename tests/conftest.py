"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest

pytest_plugins = ["fault_table"]

# Before anything imports torch, here or in a child: with tiny tensors, and several tests at once, more threads
# only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The defaults collect so often that with all of torch and Textual in memory it takes a tenth of the time.
gc.set_threshold(50_000, 20, 20)

# A shell starts what it runs in the background with SIGINT ignored, and children inherit that: tests press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of real photographs: FEXT_PHOTOS, or ../shared/photos beside the project."""
    project = Path(__file__).resolve().parent.parent
    folder = Path(os.environ.get("FEXT_PHOTOS") or project.parent / "shared" / "photos")
    if not folder.is_dir():
        pytest.skip(f"no photographs in {folder}")
    return folder


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: many tests wait for the children that they start."""
    return (os.cpu_count() or 1) + 1
