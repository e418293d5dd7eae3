"""The model of a run that all processes of a job load: the same weights on each."""

from __future__ import annotations

import torch

from fext_engine.errors import FextError
from fext_engine.ranks import Ranks
from fext_engine.training.checkpoints import LoadedModel, load_model
from fext_engine.training.run_folder import RunFolder


def load_shared_model(run: RunFolder, device: torch.device, ranks: Ranks) -> LoadedModel:
    """Load the best weights of a run; raises FextError when a training exchanged them between two processes."""
    loaded = load_model(run, device)
    if len(set(ranks.gather(loaded.digest))) > 1:
        raise FextError(f"the best checkpoint of {run.name} moved on just now", "give the same command again")
    return loaded
