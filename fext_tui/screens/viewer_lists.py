"""The kinds of pictures that the Viewer lists, and what it says of a kind that has none yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.errors import FextError
from fext_tui.listing import PictureList, Pictures, list_images, list_plots
from fext_tui.reconstructions import list_reconstructions

if TYPE_CHECKING:
    from fext_engine.workspace import Workspace

KINDS = {
    "training": "Training", "inference": "Inference", "reconstructions": "Reconstructions", "plots": "Plots",
    "list": "From Data", "similar": "Similar", "map": "Map", "anomalies": "Anomalies",
}  # fmt: skip
FILES = ("training", "inference", "list", "similar", "map", "anomalies")
"""The kinds whose rows are a user's image files."""

_EMPTY = {
    "training": "No training images yet.\nThe Data screen ({data}) says where to put them.",
    "inference": "No images to encode yet.\nPut them into {inference}",
    "reconstructions": "No reconstructions yet.\nTraining on the Model screen ({model}) makes them, epoch by epoch.",
    "plots": "No plots yet.\nAnalyze (Data screen) and evaluate (Model screen) make them.",
    "list": "No list yet.\n{open} on an image of the Data screen ({data}) brings its list here.",
    "similar": "Nothing was searched for yet.\n{similar} on an image of any list finds what is most like it, "
    "{file} does so for any file;\n{encodings} lists the encodings, and finds near-duplicates.",
    "map": "No map yet.",
    "anomalies": "No anomaly scores yet.\n{encodings} lists the encodings, {anomalies} there scores how unusual "
    "each image is.",
}


def words_for(kind: str, workspace: Workspace, key: Callable[[str], str]) -> str:
    """What the Viewer says of a kind that has no pictures yet; `key` tells the key of an action."""
    import fext_tui.dialogs.encodings  # noqa: F401 - whose keys are named

    return _EMPTY[kind].format(
        inference=workspace.inference, data=key("mode.data"), model=key("mode.model"), open=key("list.open"),
        similar=key("viewer.similar"), file=key("viewer.file"), encodings=key("encodings"),
        anomalies=key("encodings.anomalies"),
    )  # fmt: skip


def list_kind(
    kind: str, workspace: Workspace, images: Path, key: Callable[[str], str], cancelled: Callable[[], bool]
) -> tuple[Pictures, str]:
    """List the pictures of a kind, in a worker thread; with the words to show where there are none.

    `images` is the folder of training images, `key` tells the key of an action.
    A folder that cannot be read counts as empty, with the reason.
    """
    words = words_for(kind, workspace, key)
    try:
        match kind:
            case "training":
                return list_images(images, cancelled), words
            case "inference":
                return list_images(workspace.inference, cancelled), words
            case "reconstructions":
                return list_reconstructions(workspace.checkpoints, cancelled), words
            case "plots":
                return list_plots(workspace, cancelled), words
    except (FextError, OSError) as error:
        words = str(error)
    return PictureList(workspace.root, ()), words
