"""Verbs for tests of the machinery: they count, fail, die and ignore what they are asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.job import Job


def count(job: Job) -> dict[str, Any]:
    """Count to `steps`, `seconds` each, politely; `COUNT_STEPS` and `COUNT_SECONDS` in the environment win."""
    steps = int(os.environ.get("COUNT_STEPS", job.arguments.get("steps", 3)))
    seconds = float(os.environ.get("COUNT_SECONDS", job.arguments.get("seconds", 0.02)))
    for step in range(steps):
        if job.stop_requested:
            raise JobStopped(f"stopped after {step} steps", "count again")
        job.progress("counting", step, steps, "steps")
        time.sleep(seconds)
        job.metric(step + 1, {"loss": 1 / (step + 1)}, epochs=steps)
    job.log("[red]no markup[/red] and \\u202e no bidi")
    job.progress("counting", steps, steps, "steps")
    job.artifact(Path("numbers.txt"), "table")
    return {"steps": steps, "best_val_loss": 0.123456, "nested": {"left": "out"}}


def deaf(job: Job) -> dict[str, Any]:
    """Work on, whatever is asked."""
    job.progress("ignoring", 0, None)
    time.sleep(60)
    return {}


def refuse(job: Job) -> dict[str, Any]:
    """Fail as a user's error does."""
    raise FextError("the folder is empty", "put images there")


def crash(job: Job) -> dict[str, Any]:
    """Fail as a fault of the program does."""
    raise ZeroDivisionError("one by\nzero")


def die(job: Job) -> dict[str, Any]:
    """End as the kernel ends a process that takes too much memory."""
    job.progress("growing", 1, 2)
    os.write(2, b"last words \xff\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def family(job: Job) -> dict[str, Any]:
    """Start a worker process, say its number, and wait."""
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    job.log(f"worker {worker.pid}")
    worker.wait()
    return {}


def unfinished(job: Job) -> dict[str, Any]:
    """Leave half a line in the events file and die."""
    (job.folder / "events.jsonl").open("ab").write(b'{"kind": "log", "mess')
    time.sleep(60)
    return {}
