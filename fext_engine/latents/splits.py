"""How the run behind an encoding used each of its images: told by content, wherever the files lie."""

from __future__ import annotations

from fext_engine.errors import FextError
from fext_engine.latents.encoding import Encoding
from fext_engine.paths import escape_name
from fext_engine.training.run_folder import RunFolder, read_split
from fext_engine.workspace import Workspace


def splits_of(encoding: Encoding, workspace: Workspace) -> list[str]:
    """For each row `train`, `validation` or `neither`: how its run used an image of the same content.

    Raises FextError when the run's split cannot be read.
    """
    name = encoding.manifest.run
    folder = workspace.find_run(name)
    if folder.name != name:
        raise FextError(
            f"the run {escape_name(name)}, which knows its split, is gone", "colour by class instead"
        )
    splits = {row.digest: row.split for row in read_split(RunFolder(folder))}
    return [splits.get(file.digest, "neither") for file in encoding.rows]
