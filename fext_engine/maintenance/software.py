"""Where FeXT's own software is."""

from __future__ import annotations

import sys
from pathlib import Path

from fext_engine.errors import FextError


def project_folder() -> Path | None:
    """The folder with run.sh and pyproject.toml that FeXT runs from; None when it was installed as a package."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "pyproject.toml").is_file() and (folder / "run.sh").is_file() else None


def updatable_project() -> Path:
    """The folder that FeXT runs from; raises FextError when it was installed as a package."""
    project = project_folder()
    if project is None:
        raise FextError("FeXT was installed as a package", "update it with the program that installed it")
    return project


def environment_folder() -> Path | None:
    """The .venv that `run.sh` made and this process runs in; None in any other environment."""
    project = project_folder()
    if project is None or Path(sys.prefix).resolve() != (project / ".venv").resolve():
        return None
    return project / ".venv"
