"""What the folder of a run tells of its epochs: their figures and sample pictures; for a worker thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fext_engine.errors import FextError
from fext_engine.paths import unescape_name

if TYPE_CHECKING:
    from pathlib import Path

    from fext_engine.workspace import Workspace
    from fext_tui.widgets.curves import History


def read_epochs(workspace: Workspace, run: str) -> History:
    """The figures of each epoch; none where they cannot be read."""
    from fext_engine.training.history import read_history

    try:
        history = read_history(workspace.run(unescape_name(run)) / "history.csv")
    except (FextError, OSError):
        history = []
    return [{"epoch": record.epoch, **record.values()} for record in history]


def sample_pictures(workspace: Workspace, run: str) -> dict[int, Path]:
    """The pictures of originals and reconstructions by epoch."""
    pictures = sorted((workspace.run(unescape_name(run)) / "samples").glob("epoch_*.png"))
    return {int(path.stem[6:]): path for path in pictures if path.stem[6:].isdecimal()}
