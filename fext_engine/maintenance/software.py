"""FeXT's own software: an update by git, and removing the Python environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.paths import escape_name

FETCH_SECONDS = 120


def project_folder() -> Path | None:
    """The folder with run.sh and pyproject.toml that FeXT runs from; None when it was installed as a package."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "pyproject.toml").is_file() and (folder / "run.sh").is_file() else None


def environment_folder() -> Path | None:
    """The .venv that `run.sh` made and this process runs in; None in any other environment."""
    project = project_folder()
    if project is None or Path(sys.prefix).resolve() != (project / ".venv").resolve():
        return None
    return project / ".venv"


def incoming_changes(project: Path) -> list[str]:
    """Ask the project's git remote for newer commits; return their titles, the newest first.

    Raises FextError when the folder is no clone, has local changes or commits of its own, or the remote
    cannot be reached.
    """
    if shutil.which("git") is None or not (project / ".git").exists():
        raise FextError("this copy of FeXT is no git clone", "fetch the new version the way you got this one")
    changed = _git(project, "status", "--porcelain", "--untracked-files=no").splitlines()
    if changed:
        raise FextError(
            f"{len(changed)} files of FeXT have local changes, such as {changed[0][3:]}",
            "commit them, or undo them with git, then update",
        )
    _git(project, "fetch", "--quiet")
    if _git(project, "log", "--oneline", "@{upstream}..HEAD"):
        raise FextError("this clone has commits that its remote lacks", "merge or rebase with git yourself")
    return _git(project, "log", "--format=%h %s", "HEAD..@{upstream}").splitlines()


def update(project: Path) -> str:
    """Move the clone to its remote's newest commit (`git pull --ff-only`); return the commit's title."""
    incoming_changes(project)
    _git(project, "pull", "--ff-only", "--quiet")
    return _git(project, "log", "-1", "--format=%h %s").strip()


def remove_environment(folder: Path) -> None:
    """Delete the Python environment; images, runs and settings stay. Raises FextError when files are in use."""
    if folder.is_symlink():
        raise FextError(f"{escape_name(str(folder))} is a link", "remove it, and what it leads to, by hand")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise FextError(
            f"cannot remove all of {escape_name(str(folder))}: {error.strerror or error}",
            "close FeXT and delete the folder by hand",  # Windows keeps a running python.exe
        ) from error


def _git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(project), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCH_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FextError(f"git {arguments[0]} did not work: {error}", "check git and the network") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise FextError(f"git {arguments[0]} failed: {lines[-1]}", "check the network, or run git yourself")
    return done.stdout
