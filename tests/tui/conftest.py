"""What every test of the terminal UI shares: the same colours on every machine, and workspaces to work in."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports Textual: a person's screen is painted twice as often, which shows nothing more here.
os.environ["TEXTUAL_FPS"] = "60"

import pytest
from app_driver import end_jobs, make_images

from fext_engine.workspace import find_workspace

PROJECT = Path(__file__).parents[2]
SCRIPTED = PROJECT / "tests" / "engine" / "scripted"


@pytest.fixture(autouse=True)
def truecolor(monkeypatch):
    """Draw in truecolor, whatever TERM, COLORTERM and NO_COLOR say where the tests run."""
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty workspace; no job of it outlives the test."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # for tiny tensors more threads only wait for each other
    workspace = find_workspace(tmp_path / "resources")
    yield workspace
    end_jobs(workspace)


@pytest.fixture
def with_images(workspace):
    """A workspace with a dozen small images in two classes."""
    make_images(workspace.images)
    return workspace


@pytest.fixture
def scripted(monkeypatch):
    """Jobs know the scripted verbs: `count`, `deaf`, `refuse`, ..."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SCRIPTED), str(PROJECT)]))
