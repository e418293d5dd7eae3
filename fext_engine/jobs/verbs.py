"""The verbs that a job can be, and where each one's code is; imported when a job starts, not before."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fext_engine.errors import FextError

if TYPE_CHECKING:
    from fext_engine.jobs.job import Job

VERBS = {
    "analyze": "fext_engine.images.analyze:analyze",
    "estimate": "fext_engine.training.estimate:estimate",
    "find-lr": "fext_engine.training.find_lr:find_lr",
    "train": "fext_engine.training.train:train",
    "resume": "fext_engine.training.train:resume",
    "evaluate": "fext_engine.evaluation.evaluate:evaluate",
    "encode": "fext_engine.latents.encode:encode",
    "index": "fext_engine.latents.index:index",
    "map": "fext_engine.latents.draw_map:draw_map",
    "probe": "fext_engine.latents.probe:probe",
    "export": "fext_engine.export.export:export",
    "search": "fext_engine.latents.search_file:search_file",
    "anomalies": "fext_engine.latents.anomaly.anomalies:anomalies",
    "sample": "fext_engine.images.sample_dataset:generate",
}

Verb = Callable[["Job"], dict[str, Any]]


def find_verb(name: str) -> Verb:
    """Return the function of a verb; raises FextError for a verb that does not exist."""
    if name not in VERBS:
        raise FextError(f"there is no job called {name!r}", "use one of " + ", ".join(VERBS))
    module, function = VERBS[name].split(":")
    verb: Verb = getattr(import_module(module), function)
    return verb
