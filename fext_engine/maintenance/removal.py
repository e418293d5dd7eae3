"""What can be removed from a workspace, with its size, and removing it whole, with its records."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fext_engine.errors import FextError
from fext_engine.jobs.supervisor import JobInfo, Supervisor
from fext_engine.maintenance.in_use import active_jobs, user_of
from fext_engine.maintenance.weighing import Scale, Watch, is_real_folder
from fext_engine.paths import escape_name
from fext_engine.records import open_records
from fext_engine.records.removal import forget
from fext_engine.training.run_folder import RunFolder
from fext_engine.workspace import STOCK_PRESETS, Workspace

Kind = Literal[
    "log",
    "cache",
    "job",
    "report",
    "run",
    "encoding",
    "unfinished",
    "leftover",
    "setting",
    "image",
    "database",
]
KINDS: tuple[Kind, ...] = ("log", "cache", "job", "report", "run", "encoding", "unfinished", "leftover")
"""What housekeeping removes; the others go at an uninstall alone, and only by their names."""


@dataclass(frozen=True)
class Removable:
    """A file or folder directly inside one of the workspace's folders.

    `bytes` is what its files hold; `in_use` names the job that needs it now, and is empty otherwise.
    """

    kind: Kind
    path: Path
    bytes: int
    description: str
    in_use: str = ""

    @property
    def name(self) -> str:
        """The name as printable text."""
        return escape_name(self.path.name)


def removable(
    workspace: Workspace, kinds: Iterable[Kind] = KINDS, watch: Watch | None = None
) -> list[Removable]:
    """List what can be removed, by kind and name.

    A folder of the workspace that is a link leading out of it is left alone: see `linked_away`.
    """
    active = active_jobs(workspace)
    scale = Scale(watch)
    found = []
    for kind in kinds:
        for path in sorted(_LISTS[kind](workspace), key=lambda p: p.name):
            found.append(_describe(kind, path, workspace, active, scale))
    return found


def removable_run(workspace: Workspace, run: Path) -> Removable:
    """A run's folder as something that can be removed, without a look at the others."""
    return _describe("run", run, workspace, active_jobs(workspace), Scale(None))


def linked_away(workspace: Workspace) -> list[Path]:
    """The workspace's folders that are links to somewhere outside of it; nothing in them is listed."""
    folders = (*_sources(workspace), workspace.cache, workspace.logs, workspace.jobs)
    return [folder for folder in folders if _leads_out(workspace, folder)]


def remove(
    workspace: Workspace, items: Iterable[Removable], tell: Callable[[Removable], None] | None = None
) -> int:
    """Remove the items and what the database records of them; return the bytes that were freed.

    `tell` hears of each item before it goes. A folder is first renamed, so that one that is half gone is never
    taken for whole. Raises FextError at the first item that is in use, lies elsewhere or cannot be removed;
    those before it are gone then.
    """
    wanted = list(items)
    supervisor = Supervisor(workspace)
    present = {path for kind in {item.kind for item in wanted} for path in _LISTS[kind](workspace)}
    freed = 0
    for item in wanted:
        if item.path not in present:
            raise FextError(f"there is no {item.kind} {item.name} in this workspace", "list them anew")
        if user := user_of(item.kind, item.path, workspace, supervisor.active()):
            raise FextError(f"{item.kind} {item.name} is in use by job {user}", "stop the job first")
        if tell is not None:
            tell(item)
        try:
            if item.kind == "run":
                _refuse_in_use(item.path)
            _delete(item.path)
        except OSError as error:
            raise FextError(
                f"cannot remove {escape_name(str(item.path))}: {error.strerror or error}",
                "check its permissions, and whether a program has it open",
            ) from error
        freed += item.bytes
        _forget(workspace, item)
    return freed


def _describe(kind: Kind, path: Path, workspace: Workspace, active: list[JobInfo], scale: Scale) -> Removable:
    return Removable(
        kind, path, scale.weigh(path), _DESCRIPTIONS[kind], user_of(kind, path, workspace, active)
    )


def _refuse_in_use(run: Path) -> None:
    """A job on another machine that shares the folder is in no list here, but holds the run's lock."""
    if is_real_folder(run):
        with RunFolder(run).locked():
            pass


def _delete(path: Path) -> None:
    if not is_real_folder(path):
        path.unlink()  # a link goes, what it leads to stays
        return
    if not (path.name.startswith(".") and path.name.endswith(".tmp")):
        path = path.rename(path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp"))
    shutil.rmtree(path)


def _forget(workspace: Workspace, item: Removable) -> None:
    if item.kind in ("run", "encoding", "job", "report") and workspace.database.exists():
        with open_records(workspace.database) as records:
            forget(records, item.kind, item.path)


def _sources(workspace: Workspace) -> tuple[Path, ...]:
    return workspace.checkpoints, workspace.inference, workspace.validation


def _entries(workspace: Workspace, folder: Path, hidden: bool = False) -> Iterator[Path]:
    if _leads_out(workspace, folder) or not folder.is_dir():
        return
    try:
        yield from (path for path in folder.iterdir() if path.name.startswith(".") == hidden)
    except OSError:
        return


def _leads_out(workspace: Workspace, folder: Path) -> bool:
    return not folder.resolve().is_relative_to(workspace.root.resolve())


def _folders(workspace: Workspace, folder: Path) -> list[Path]:
    return [path for path in _entries(workspace, folder) if path.is_dir()]


def _encodings(workspace: Workspace) -> list[Path]:
    return [p for p in _folders(workspace, workspace.inference) if (p / "manifest.json").is_file()]


def _unfinished(workspace: Workspace) -> list[Path]:
    """Encodings that were stopped or killed; the same `fext encode` would go on with them."""
    return [p for p in _entries(workspace, workspace.inference, hidden=True) if p.name.endswith(".partial")]


def _leftovers(workspace: Workspace) -> list[Path]:
    """What a crash left of `atomic_folder`, `atomic_file` and of a removal: hidden names that end in .tmp."""
    places = (
        *_sources(workspace), workspace.logs, workspace.configurations, workspace.database.parent,
        workspace.cache, workspace.jobs,
    )  # fmt: skip
    return [p for place in places for p in _entries(workspace, place, hidden=True) if p.name.endswith(".tmp")]


def _settings(workspace: Workspace) -> list[Path]:
    """What a person set: presets, the UI's configuration, the environment."""
    presets = _entries(workspace, workspace.configurations)
    own = [workspace.ui_file, workspace.root / ".env"]
    return [p for p in presets if p.stem not in STOCK_PRESETS] + [p for p in own if p.is_file()]


def _images(workspace: Workspace) -> list[Path]:
    encodings = set(_encodings(workspace))
    places = (workspace.images, workspace.inference)
    return [p for place in places for p in _entries(workspace, place) if p not in encodings]


_LISTS: dict[Kind, Callable[[Workspace], Iterable[Path]]] = {
    "log": lambda ws: _entries(ws, ws.logs),
    "cache": lambda ws: _entries(ws, ws.cache),
    "job": lambda ws: _folders(ws, ws.jobs),
    "report": lambda ws: _folders(ws, ws.validation),
    "run": lambda ws: _folders(ws, ws.checkpoints),
    "encoding": _encodings,
    "unfinished": _unfinished,
    "leftover": _leftovers,
    "setting": _settings,
    "image": _images,
    "database": lambda ws: _entries(ws, ws.database.parent),
}
_DESCRIPTIONS: dict[Kind, str] = {
    "log": "messages and tracebacks",
    "cache": "resized images, made again when they are needed",
    "job": "events and output of a job",
    "report": "plots and tables of a dataset inspection",
    "run": "a trained model: weights, history, evaluation",
    "encoding": "latent vectors and their manifest",
    "unfinished": "an encoding that was stopped; the same command goes on with it",
    "leftover": "unfinished files of a job that was killed",
    "setting": "a preset of yours, keys and theme, the environment",
    "image": "images to train with or to encode",
    "database": "all records, their backups and tables",
}
