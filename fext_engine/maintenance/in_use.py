"""What the running jobs of a workspace need, and therefore stays."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.jobs.supervisor import JobInfo, Supervisor
from fext_engine.paths import unescape_name
from fext_engine.workspace import Workspace


def active_jobs(workspace: Workspace) -> list[JobInfo]:
    """The jobs that run now."""
    return Supervisor(workspace).active() if workspace.jobs.is_dir() else []


def refuse_during_jobs(workspace: Workspace) -> None:
    """Raise FextError while a job runs: what it imports later would be gone, or of another version."""
    if jobs := active_jobs(workspace):
        raise FextError(
            f"job {jobs[0].id} runs with the FeXT that is installed", "wait for it, or stop it first"
        )


def user_of(kind: str, path: Path, workspace: Workspace, active: Iterable[JobInfo]) -> str:
    """The id of the running job that needs the item of that kind at `path`, or nothing."""
    for job in active:
        if kind in ("cache", "leftover") or (kind == "job" and job.folder.name == path.name):
            return job.id
        if kind == "log" and path.suffix == ".log":  # a job that was started from a shell may write to it
            return job.id
        if kind == "unfinished" and job.verb == "encode":
            return job.id
        if kind == "encoding" and _needs_encoding(job, path, workspace):
            return job.id
        if kind == "run" and job.run and _run_folder(workspace, job.run) == path:
            return job.id
    return ""


def _run_folder(workspace: Workspace, run: str) -> Path:
    """A job's `run` may be what the user typed: `latest`, or the beginning of a name."""
    try:
        return workspace.find_run(run)
    except FextError:
        return workspace.run(run)


def _needs_encoding(job: JobInfo, path: Path, workspace: Workspace) -> bool:
    """Whether the job reads the encoding, or brings one up to date: of those it alone knows which."""
    if job.verb == "encode":
        return bool(job.arguments.get("update"))
    for name in (job.arguments.get("encoding"), job.arguments.get("reference")):
        for said in {str(name), unescape_name(str(name))} if name else ():
            with suppress(FextError, OSError, RuntimeError, ValueError):
                if workspace.find_encoding(said).resolve() == path.resolve():
                    return True
    return False
