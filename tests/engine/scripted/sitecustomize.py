"""Loaded by every Python whose PYTHONPATH names this folder: gives FeXT verbs that tests can script."""

from __future__ import annotations

from fext_engine.jobs.verbs import VERBS

VERBS |= {
    name: f"scripted_verbs:{name}"
    for name in ("count", "deaf", "refuse", "crash", "die", "family", "unfinished")
}
VERBS["sample"] = "scripted_verbs:count"
