"""A few rounds of signals through the real command line: the exit code, the words, and the same command again.

FEXT_FAULT_SEED chooses other moments, as in test_signals.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

if os.name == "nt":
    pytest.skip("signals are of POSIX", allow_module_level=True)

from tiny_training import make_images

from fext_engine.jobs.events import EventReader
from fext_engine.workspace import find_workspace

SEED = os.environ.get("FEXT_FAULT_SEED", "0")
PROJECT = Path(__file__).parents[2]
EPOCHS = 3
OPTIONS = {
    "dataset.image_height": 16, "dataset.image_width": 16, "training.epochs": EPOCHS, "training.batch_size": 4,
    "training.jit": "off", "device.device": "cpu", "inference.batch_size": 4,
}  # fmt: skip
ARGUMENTS = {"train": ["--name", "r"], "encode": ["whole"], "analyze": []}


class Shell:
    """Gives commands to FeXT on one workspace."""

    def __init__(self, root: Path) -> None:
        self.workspace = find_workspace(root / "resources")
        self.images = make_images(root / "images", 12)

    def start(self, verb: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a command, in a session of its own."""
        command = [sys.executable, "-m", "fext_engine", verb, *arguments, "--resources", str(self.workspace.root)]
        if verb in ARGUMENTS:
            command += ["--input" if verb == "encode" else "--images", str(self.images)]
        if verb in (*ARGUMENTS, "resume"):
            command += [word for key, value in OPTIONS.items() for word in ("--set", f"{key}={value}")]
        own = {name: value for name, value in os.environ.items() if not name.startswith("FEXT")}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=own | {"PYTHONPATH": str(PROJECT)},
        )  # fmt: skip

    def run(self, verb: str, *arguments: str) -> str:
        """Give a command that must do its work; returns what it printed."""
        process = self.start(verb, *arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    def history(self, run: str) -> list[dict[str, str]]:
        """A run's history without what depends on the clock."""
        with (self.workspace.run(run) / "history.csv").open(newline="") as file:
            return [row | {"seconds": "", "images_per_second": ""} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    shell = Shell(tmp_path_factory.mktemp("shell"))
    shell.run("train", "--name", "whole")
    return shell


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("verb", ["train", "encode", "analyze"])
def test_a_struck_command_says_so_and_is_given_again(verb, fault, shell, fault_table):
    chance = random.Random(f"command line {SEED} {verb} {fault}")
    name = f"{verb}-{fault}"
    arguments = ["--name", name] if verb == "train" else ARGUMENTS[verb]
    before, events = set(shell.workspace.jobs.iterdir()), chance.randint(2, 12 if verb == "train" else 5)
    process = shell.start(verb, *arguments)
    while process.poll() is None:
        new = set(shell.workspace.jobs.iterdir()) - before
        if new and len(EventReader(next(iter(new))).read()) >= events:
            process.send_signal(getattr(signal, fault))
            break
        time.sleep(0.002)
    _, err = process.communicate(timeout=60)
    (job,) = [job for job in json.loads(shell.run("jobs", "--json")) if job["verb"] == verb][:1]
    if fault == "SIGKILL":
        assert (process.returncode, job["state"]) in ((-signal.SIGKILL, "died"), (0, "finished"))
        saw = f"killed; `fext jobs`: {job['state']}"
    else:
        assert (process.returncode, job["state"]) in ((130, "stopped"), (0, "finished"))
        assert err.count("\n") == (process.returncode == 130)
        saw = f"exit code {process.returncode}; `fext jobs`: {job['state']}"

    if verb == "train":
        state = {run["name"]: run["state"] for run in json.loads(shell.run("runs", "--json"))}.get(name)
        assert state in (None, {"died": "interrupted"}.get(job["state"], job["state"]))
        pointer = shell.workspace.run(name) / "last"
        done = int(pointer.read_text()[:4]) if pointer.exists() else 0
        if not pointer.exists():
            shell.run("train", "--name", (name := f"{name}-again"))
        elif done < EPOCHS:
            shell.run("resume", name, "--epochs", str(EPOCHS - done))
        assert shell.history(name) == shell.history("whole")
    else:
        shell.run(verb, *arguments)
    if verb == "encode":
        assert len([*shell.workspace.inference.iterdir()]) == 1, "nothing unfinished is left"
        (latents,) = shell.workspace.inference.glob("*/latents.npy")
        assert len(np.load(latents)) == 12
    if verb == "analyze":
        report = json.loads(shell.run("reports", "show", "latest", "--json"))
        assert report["usable"] == 12
    fault_table(fault=fault, where=f"`fext {verb}`", saw=saw, lost="nothing that the same command does not do again")
