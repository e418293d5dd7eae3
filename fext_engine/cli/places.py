"""`fext locate` and `fext clean`: where things are, and removing what can be made again."""

from __future__ import annotations

import platform
from importlib import metadata

from fext_engine import __version__
from fext_engine.cli.common import Common, command
from fext_engine.logs import last_crash
from fext_engine.paths import escape_name

PACKAGES = ("textual", "torch", "triton", "numpy", "pillow", "opencv-python-headless", "safetensors")


@command
def locate(common: Common) -> None:
    """Print the paths of the resources folder and the versions of what is installed."""
    workspace = common.workspace
    crash = last_crash(workspace.logs)
    paths = {
        "resources": workspace.root,
        "images": workspace.images_root(common.settings()),
        "inference": workspace.inference,
        "database": workspace.database,
        "validation": workspace.validation,
        "checkpoints": workspace.checkpoints,
        "configurations": workspace.configurations,
        "logs": workspace.logs,
        "jobs": workspace.jobs,
        "docs": workspace.docs,
        "cache": workspace.cache,
        "environment_file": workspace.root / ".env",
        "last_crash": crash,
    }
    shown = {name: escape_name(str(path)) if path else None for name, path in paths.items()}
    versions = {"fext": __version__, "python": platform.python_version(), "system": platform.platform()}
    versions |= {name: _version(name) for name in PACKAGES}
    if common.json:
        common.print_json({"paths": shown, "versions": versions})
        return
    for name, value in (*shown.items(), ("", ""), *versions.items()):
        print(f"{name.replace('_', ' '):<24}{value or 'none'}" if name else "")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
