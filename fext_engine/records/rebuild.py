"""Records made of the files that hold the truth: runs, encodings and jobs of a workspace from their folders."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.errors import FextError
from fext_engine.paths import escape_name, unescape_name
from fext_engine.records.database import Records
from fext_engine.records.rebuild_reports import excluded_in_reports, take_in_reports
from fext_engine.records.recovery import workspace_of
from fext_engine.records.runs import set_epochs, set_note
from fext_engine.records.salvage import Salvaged
from fext_engine.workspace import Workspace

if TYPE_CHECKING:
    from fext_engine.jobs.supervisor import JobInfo

_TRAINS = ("train", "resume")


def rebuild(records: Records, workspace: Workspace, salvaged: Salvaged | None = None) -> str:
    """Fill an empty database; return what it holds now, in words, empty when that is nothing.

    `salvaged` is what could be read of a damaged one. Without it jobs are left to those who tell how they ended.
    """
    jobs = _jobs_of(workspace)
    counts = {"run": take_in_runs(records, workspace, jobs)}
    folders = [unescape_name(path) for path in salvaged.encodings] if salvaged else []
    counts["encoding"] = _take_in_encodings(records, workspace, [*folders, *_encoded_by(jobs)])
    counts["report"] = take_in_reports(records, workspace.validation)
    if salvaged is not None:
        counts["job"] = _take_in_jobs(records, jobs, salvaged.untold)
        exclusions = salvaged.exclusions
        if salvaged.lost:  # some may have been taken back in since then: better left out too often
            exclusions = excluded_in_reports(records, workspace.validation) | exclusions
        counts["excluded image"] = _take_in_exclusions(records, exclusions)
    return ", ".join(f"{n} {what}{'s' if n > 1 else ''}" for what, n in counts.items() if n)


def take_in_runs(records: Records, workspace: Workspace, jobs: Sequence[JobInfo] | None = None) -> int:
    """Record the runs that have a folder and no record, such as one that was copied here; return how many."""
    known = {row["name"] for row in records.connection.execute("SELECT name FROM runs")}
    new = [
        folder
        for folder in _subfolders(workspace.checkpoints)
        if escape_name(folder.name) not in known and (folder / "configuration.toml").is_file()
    ]
    if not new:
        return 0
    states = _states_by_run(_jobs_of(workspace) if jobs is None else jobs)
    return sum(_take_in_run(records, folder, states) for folder in new)


def take_in_copied_runs(records: Records) -> None:
    """Record the runs that were copied into the workspace; where the records cannot be written they wait."""
    workspace = workspace_of(records.path)
    if workspace is not None:
        with suppress(sqlite3.OperationalError):
            take_in_runs(records, workspace)


def _take_in_run(records: Records, folder: Path, states: Mapping[str, str]) -> bool:
    """Record one run as its folder tells it; False where that cannot be read."""
    from fext_engine.training.history import read_history
    from fext_engine.training.run_folder import RunFolder

    run, name = RunFolder(folder), escape_name(folder.name)
    try:
        settings, text = run.settings(), run.configuration.read_text("utf-8")
        began = run.configuration.stat().st_mtime
        ended = run.history.stat().st_mtime if run.history.exists() else began
    except (FextError, OSError):
        return False
    history = []
    with suppress(FextError):  # the run itself is told of as one without epochs
        history = read_history(run.history)
    planned = max(settings.training.epochs, len(history))
    state = states.get(name, "finished" if len(history) == planned else "stopped")
    with records.connection as connection:
        connection.execute(
            "INSERT OR IGNORE INTO runs (name, model, state, epochs_planned, images, configuration, started_at, "
            "updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (name, settings.model.name, state, planned, settings.dataset.images, text, began, max(began, ended)),
        )
    set_epochs(records, name, {record.epoch: record.values() for record in history})
    set_note(records, name, run.read_note())
    return True


def _states_by_run(jobs: Sequence[JobInfo]) -> dict[str, str]:
    """How the newest training of each run ended; one that died may be resumed as one that was stopped."""
    states: dict[str, str] = {}
    for job in jobs:  # the newest first
        if job.run and job.verb in _TRAINS:
            state = {"starting": "running", "died": "stopped"}.get(job.state, job.state)
            states.setdefault(escape_name(job.run), state)
    return states


def _take_in_encodings(records: Records, workspace: Workspace, others: Sequence[str]) -> int:
    folders = dict.fromkeys([*_subfolders(workspace.inference), *map(Path, others)])
    made_there = [folder for folder in folders if (folder / "manifest.json").is_file()]
    if not made_there:
        return 0
    # with numpy and more, which a list of runs does without
    from fext_engine.latents.manifest import read_manifest

    found = 0
    for folder in made_there:
        try:
            manifest = read_manifest(folder)
            made = datetime.fromisoformat(manifest.updated or manifest.created).timestamp()
        except (FextError, ValueError):
            continue
        counts = manifest.counts
        values = (
            escape_name(str(folder)), manifest.run, manifest.images, counts.encoded, counts.files - counts.encoded,
            math.prod(manifest.row_shape), manifest.dtype, manifest.pooling, made,
        )  # fmt: skip
        with records.connection as connection:
            connection.execute("INSERT OR IGNORE INTO encodings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        found += 1
    return found


def _encoded_by(jobs: Sequence[JobInfo]) -> Iterator[str]:
    """The folders of encodings that jobs say they made, which may be anywhere."""
    for job in jobs:
        summary = job.last.data.get("summary") if job.last is not None else None
        if job.verb == "encode" and isinstance(summary, dict) and summary.get("folder"):
            yield unescape_name(str(summary["folder"]))


def _take_in_jobs(records: Records, jobs: Sequence[JobInfo], untold: set[str]) -> int:
    from fext_engine.jobs.death import last_sign
    from fext_engine.jobs.settle import last_words

    rows = [
        (job.id, job.verb, "running", job.run, job.created, None, "", 0)
        if job.is_active
        else (
            job.id, job.verb, job.state, job.run, job.created, last_sign(job.folder), last_words(job),
            int(job.id not in untold),
        )
        for job in jobs
    ]  # fmt: skip
    with records.connection as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO jobs (id, verb, state, run, started_at, ended_at, message, told) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    return len(rows)


def _take_in_exclusions(records: Records, exclusions: Mapping[tuple[str, str], str]) -> int:
    """Keep what is excluded for the images, which come back with the next analysis."""
    with records.connection as connection:
        for (root, path), reason in exclusions.items():
            connection.execute("INSERT OR IGNORE INTO image_roots (path) VALUES (?)", (root,))
            connection.execute(
                "INSERT OR REPLACE INTO forgotten_exclusions "
                "VALUES ((SELECT id FROM image_roots WHERE path = ?), ?, ?)",
                (root, path, reason),
            )
    return len(exclusions)


def _jobs_of(workspace: Workspace) -> list[JobInfo]:
    from fext_engine.jobs.supervisor import Supervisor

    return Supervisor(workspace).jobs() if workspace.jobs.is_dir() else []


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        return []
