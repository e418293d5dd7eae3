"""An update by git: `git pull --ff-only` into a clone without changes of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.paths import escape_name

FETCH_SECONDS = 120
_SHOWN = 5


def incoming_changes(project: Path) -> list[str]:
    """Ask the project's git remote for newer commits; return their titles, the newest first.

    Raises FextError when the folder is no clone or follows no remote branch, has local changes or commits of its
    own or files where new ones would go, or when the remote cannot be reached.
    """
    if not (project / ".git").exists():
        raise FextError("this copy of FeXT is no git clone", "update it from a release archive")
    if shutil.which("git") is None:
        raise FextError("git is not installed", "install it: this copy of FeXT is a git clone")
    changed = _names(project, "diff", "--name-only", "-z", "HEAD")
    if changed:
        raise FextError(f"{len(changed)} files of FeXT have local changes: {_shown(changed)}",
                        "commit them, or undo them with git, then update")  # fmt: skip
    _require_upstream(project)
    _git(project, "fetch", "--quiet")
    if _git(project, "rev-list", "@{upstream}..HEAD"):
        raise FextError("this clone has commits that its remote lacks", "merge or rebase with git yourself")
    added = _names(
        project, "diff", "--name-only", "-z", "--diff-filter=A", "--no-renames", "HEAD", "@{upstream}"
    )
    taken = [name for name in added if (project / name).exists() or (project / name).is_symlink()]
    if taken:
        raise FextError(f"files of yours are where new ones would go: {_shown(taken)}", "move them away")
    titles = _git(project, "log", "--format=%h %s", "HEAD..@{upstream}").splitlines()
    return [escape_name(title) for title in titles]


def update(project: Path) -> str:
    """Move the clone to its remote's newest commit (`git pull --ff-only`); return the commit's title."""
    incoming_changes(project)
    _git(project, "pull", "--ff-only", "--quiet")
    return escape_name(_git(project, "log", "-1", "--format=%h %s").strip())


def _require_upstream(project: Path) -> None:
    try:
        _git(project, "rev-parse", "--abbrev-ref", "@{upstream}")
    except FextError as error:
        raise FextError(
            f"this clone follows no branch of a remote ({error.what.partition(': ')[2]})",
            "`git switch` to a branch that does, or give it one with `git branch --set-upstream-to`",
        ) from error


def _names(project: Path, *arguments: str) -> list[str]:
    return [name for name in _git(project, *arguments).split("\0") if name]


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(escape_name(name) for name in names[:_SHOWN]) + more


def _git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(project), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=FETCH_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
            | os.environ
            | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FextError(f"git {arguments[0]} did not work: {error}", "check git and the network") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])
        raise FextError(
            f"git {arguments[0]} failed: {escape_name(told)}", "check the network, or run git yourself"
        )
    return done.stdout
