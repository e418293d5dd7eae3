"""What an uninstall deletes: the Python environment, and of a person's own data what is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fext_engine.cli.wording import size
from fext_engine.errors import FextError
from fext_engine.jobs.platform import WINDOWS
from fext_engine.maintenance import software
from fext_engine.maintenance.in_use import refuse_during_jobs
from fext_engine.maintenance.removal import Kind, Removable, removable, remove
from fext_engine.maintenance.weighing import Scale, Watch
from fext_engine.paths import escape_name
from fext_engine.workspace import Workspace

BY_STARTER = 85  # exit code: run.bat deletes the environment, whose python.exe Windows keeps while it runs
PARTS: dict[str, tuple[Kind, ...]] = {
    "logs": ("log",),
    "caches": ("cache", "leftover"),
    "jobs": ("job",),
    "reports": ("report",),
    "settings": ("setting",),
    "encodings": ("encoding", "unfinished"),
    "runs": ("run",),
    "images": ("image",),
    "database": ("database",),  # the last, as the others' records are in it
}


@dataclass(frozen=True)
class Part:
    """Data of a person that has a name here."""

    name: str
    items: Sequence[Removable]

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)

    @property
    def about(self) -> str:
        """How many things it holds, and what they are."""
        kinds = ", ".join(dict.fromkeys(item.description for item in self.items))
        return f"{len(self.items):,} items: {kinds}" if self.items else "none"


@dataclass(frozen=True)
class Uninstall:
    """All that can go: the environment with its size, and the parts of a person's data."""

    environment: Path
    bytes: int
    parts: Sequence[Part]

    def named(self, text: str) -> list[Part]:
        """The parts that `text` names, by whole words; raises FextError for any other word."""
        words = text.replace(",", " ").lower().split()
        for word in words:
            if word not in PARTS:
                raise FextError(f"there is no {escape_name(word)!r}", "name some of " + ", ".join(PARTS))
        return [part for part in self.parts if part.name in words]

    def describe(self, parts: Iterable[Part]) -> list[str]:
        """What goes with these parts, in lines for people."""
        lines = [f"{escape_name(str(self.environment))}: the Python environment, {size(self.bytes)}"]
        for part in parts:
            places = dict.fromkeys(escape_name(str(item.path.parent)) for item in part.items)
            lines.append(f"{part.name}: {size(part.bytes)}, {part.about}" + "".join(f"; in {p}" for p in places))
        return lines


def plan_uninstall(workspace: Workspace, watch: Watch | None = None) -> Uninstall:
    """Add up what an uninstall could delete.

    Raises FextError while a job runs, and where FeXT is in no environment of its own.
    """
    refuse_during_jobs(workspace)
    folder = software.environment_folder()
    if folder is None:
        raise FextError("FeXT does not run in a .venv that run.sh made", "uninstall it the way it came")
    if folder.is_symlink():
        raise FextError(f"{escape_name(str(folder))} is a link", "remove it, and what it leads to, by hand")
    parts = [Part(name, removable(workspace, kinds, watch)) for name, kinds in PARTS.items()]
    return Uninstall(folder, Scale(watch).weigh(folder), parts)


def uninstall(
    workspace: Workspace,
    environment: Path,
    parts: Iterable[Part],
    tell: Callable[[Removable], None] | None = None,
) -> int:
    """Delete those parts of the data, then the environment that this process may run in.

    Returns the exit code for the process, which should end now. Raises FextError where something stays.
    """
    refuse_during_jobs(workspace)
    for part in parts:
        remove(workspace, part.items, tell)
    if WINDOWS:
        return BY_STARTER
    remove_environment(environment)
    return 0


def remove_environment(folder: Path) -> None:
    """Delete the Python environment. Raises FextError when it is a link, or a file of it cannot be removed."""
    if folder.is_symlink():
        raise FextError(f"{escape_name(str(folder))} is a link", "remove it, and what it leads to, by hand")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise FextError(
            f"cannot remove all of {escape_name(str(folder))}: {error.strerror or error}",
            "close FeXT and delete the folder by hand",
        ) from error
