"""One job done by several processes: the one that leads has the job's folder, the others a folder each inside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fext_engine.board import Board
from fext_engine.errors import FextError
from fext_engine.jobs.before import Before, what_went_before
from fext_engine.jobs.folder import JOB_FILE, age_order, create_job, is_alive, read_request
from fext_engine.jobs.launch import TOGETHER, launch, processes_wanted
from fext_engine.jobs.run import Listener, run_job
from fext_engine.paths import escape_name
from fext_engine.ranks import Ranks, join_ranks, leave_ranks, restarted
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace


def run_together(
    workspace: Workspace, find_folder: Callable[[], Path], *listeners: Listener, in_sight: bool = True
) -> dict[str, Any]:
    """Do this process's part of the job, all of it where torchrun has not started others; see `run_job`.

    The process that leads calls `find_folder` and has the listeners. Returns the summary, of no use elsewhere.
    """
    ranks = join_ranks()
    try:
        folder, before = ranks.by_leader(lambda: _find(find_folder, ranks))
        request = read_request(folder)
        if (processes := processes_wanted(request)) > 1:
            return launch(workspace, folder, processes, *listeners)
        if ranks.count > 1 and request.verb not in TOGETHER:
            return run_job(workspace, folder, *listeners, in_sight=in_sight) if ranks.leads else {}
        if ranks.count > 1:
            ranks.board = Board(folder, ranks.number, ranks.count)
        if ranks.leads:
            return run_job(workspace, folder, *listeners, in_sight=in_sight, ranks=ranks, before=before)
        return run_job(workspace, _own_folder(folder, ranks), ranks=ranks, before=before)
    finally:
        leave_ranks(ranks)


def new_or_interrupted(
    workspace: Workspace, verb: str, settings: Settings, arguments: dict[str, Any]
) -> Path:
    """The folder of a new job, or after a restart that of the newest one of the same request that nobody runs."""
    wanted = (verb, settings, {key: value for key, value in arguments.items() if value is not None})
    if restarted() and workspace.jobs.is_dir():
        for folder in sorted(workspace.jobs.iterdir(), key=age_order, reverse=True):
            try:
                request = read_request(folder)
            except FextError:
                continue
            if (request.verb, request.settings, request.arguments) == wanted and not is_alive(folder):
                return folder
    return create_job(workspace, verb, settings, arguments)


def _find(find_folder: Callable[[], Path], ranks: Ranks) -> tuple[Path, Before | None]:
    folder = find_folder()
    if ranks.count > 1:
        Board(folder, ranks.number, ranks.count).clear()
    return folder, what_went_before(folder) if restarted() else None


def _own_folder(folder: Path, ranks: Ranks) -> Path:
    own = folder / f"rank_{ranks.number}"
    try:
        own.mkdir(exist_ok=True)
        shutil.copyfile(folder / JOB_FILE, own / JOB_FILE)
    except OSError as error:
        raise FextError(
            f"{escape_name(str(own))} cannot be written: {error.strerror}",
            "all processes of a job need the same resources folder, on a file system that they share",
        ) from error
    return own
