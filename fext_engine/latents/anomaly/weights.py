"""The model that made an encoding: the very weights, whatever the run has learned since."""

from __future__ import annotations

import torch

from fext_engine.errors import FextError
from fext_engine.latents.encoding import Encoding
from fext_engine.latents.manifest import Preprocessing
from fext_engine.paths import escape_name
from fext_engine.training.checkpoints import LoadedModel, find_weights, load_model
from fext_engine.training.run_folder import RunFolder
from fext_engine.workspace import Workspace


def find_run(encoding: Encoding, workspace: Workspace) -> RunFolder:
    """The run that an encoding names; raises FextError when the workspace has none called exactly so."""
    folders = workspace.checkpoints.iterdir() if workspace.checkpoints.is_dir() else ()
    for folder in folders:
        if folder.name == encoding.manifest.run:  # compared, never made part of a path
            return RunFolder(folder)
    name, place = escape_name(encoding.manifest.run), escape_name(str(workspace.root))
    raise FextError(
        f"{escape_name(encoding.name)} was made with the run {name}, which is not in {place}",
        "name the resources folder that has it with --resources DIR, or encode the folder again",
    )


def load_maker(encoding: Encoding, run: RunFolder, device: torch.device) -> LoadedModel:
    """The run's model with the weights that the manifest names.

    Raises FextError when the run keeps them no more, or prepares images in another way now.
    """
    manifest, shown = encoding.manifest, escape_name(encoding.name)
    again = f"encode its folder again with `fext encode {run.name}`"
    checkpoint = find_weights(run, manifest.checkpoint.digest.removeprefix("sha256:"))
    if checkpoint is None:
        raise FextError(
            f"the weights that made {shown} (epoch {manifest.checkpoint.epoch} of {run.name}) are not among "
            "the run's checkpoints any more",
            again,
        )
    loaded = load_model(run, device, checkpoint)
    if Preprocessing.of(loaded.settings.dataset) != manifest.preprocessing:
        raise FextError(
            f"{shown} was made of images that were prepared in another way than {run.name} does it now", again
        )
    return loaded
