"""What is installed, what computes, and where everything lies: for `fext locate` and the UI's debug page."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from fext_engine import __version__
from fext_engine.errors import FextError
from fext_engine.jobs.platform import module_environment, python_module
from fext_engine.logs import last_crash
from fext_engine.workspace import Workspace

PACKAGES = (
    "textual", "torch", "triton", "numpy", "pillow", "opencv-python-headless", "scipy", "safetensors", "pydantic",
)  # fmt: skip
DEVICE_SECONDS = 120.0  # torch from a cold disk


def versions() -> dict[str, str]:
    """The versions of FeXT, Python, the system and the packages that count; none of them is imported."""
    named = {"fext": __version__, "python": platform.python_version(), "system": platform.platform()}
    return named | {package: _version(package) for package in PACKAGES}


def paths(workspace: Workspace, images: Path) -> dict[str, Path | None]:
    """Where each thing lies; `images` is the folder of training images in use. None: there is no such file."""
    return {
        "resources": workspace.root,
        "images": images,
        "inference": workspace.inference,
        "database": workspace.database,
        "validation": workspace.validation,
        "checkpoints": workspace.checkpoints,
        "configurations": workspace.configurations,
        "ui_configuration": workspace.ui_file,
        "logs": workspace.logs,
        "jobs": workspace.jobs,
        "docs": workspace.docs,
        "cache": workspace.cache,
        "environment_file": workspace.root / ".env",
        "last_crash": last_crash(workspace.logs),
    }


def ask_for_devices() -> list[str]:
    """The devices that torch can compute on, a line each; a process of its own imports torch.

    Raises FextError when that fails.
    """
    try:
        done = subprocess.run(
            python_module("fext_engine.training.device"),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DEVICE_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=module_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FextError(f"torch could not be asked for its devices: {error}", "try again later") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise FextError(f"torch does not start: {last}", "install FeXT's packages again")
    return done.stdout.splitlines()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
