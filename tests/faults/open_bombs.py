"""A program that opens a workspace of bombs within 1.5 GB of memory, and prints for each what the user would see.

`python open_bombs.py ROOT`: one JSON line a bomb, {name: words}; a bomb that goes off kills this process alone.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # each thread takes address space

from fext_engine.arrays import map_rows, read_npz
from fext_engine.errors import FextError
from fext_engine.images.decode import decode_image
from fext_engine.images.examine import unpack_histogram
from fext_engine.images.faults import DecodeError
from fext_engine.jobs.events import EventReader
from fext_engine.jobs.folder import read_request
from fext_engine.latents.encoding import open_encoding
from fext_engine.latents.manifest import read_manifest
from fext_engine.presets import load_settings, read_settings
from fext_engine.training.history import read_history
from fext_engine.training.run_folder import RunFolder, read_split
from fext_engine.training.sample_grid import read_grid
from fext_engine.workspace import Workspace

LIMIT = 3 << 29


def open_all(root: Path) -> None:
    """Open each bomb that `test_strangers_files` laid."""
    import numpy as np

    workspace = Workspace(root)
    openings: dict[str, Callable[[Path], object]] = {
        "toml": read_settings,
        "json": read_manifest,
        "events": lambda path: EventReader(path).read(),
        "job": read_request,
        "npz": read_npz,
        "npy": lambda path: map_rows(path, (10**12, 4), np.dtype(np.float32)),
        "histogram": lambda path: int(unpack_histogram(path.read_bytes()).sum()),
        "grid": read_grid,
        "png": decode_image,
        "tif": decode_image,
        "gif": decode_image,
        "env": lambda path: load_settings(Workspace(path), environ={}).dataset.images,
        "pipe": lambda path: read_settings(path / "p.toml"),
        "run": lambda path: read_history(RunFolder(path).history),
        "split": lambda path: read_split(RunFolder(path)),
        "encoding": open_encoding,
    }
    for path in sorted(workspace.root.iterdir()):
        try:
            words = f"read: {str(openings[path.name.partition('.')[0]](path))[:200]}"
        except (FextError, DecodeError, ValueError, OSError) as error:
            words = f"{type(error).__name__}: {error}"
        print(json.dumps({path.name: words}), flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    open_all(Path(sys.argv[1]))
