"""`fext jobs`: list, follow and stop the jobs of the resources folder."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fext_engine.cli.common import Common, command
from fext_engine.cli.display import open_display
from fext_engine.cli.failures import EXIT_INTERRUPTED, report
from fext_engine.cli.tables import CsvFile, show_table
from fext_engine.cli.wording import iso_moment, moment, progress_text
from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.events import TERMINAL, Event
from fext_engine.jobs.settle import note_told
from fext_engine.jobs.supervisor import JobInfo, Supervisor

app = typer.Typer(invoke_without_command=True)
JobId = Annotated[str, typer.Argument(metavar="ID", help="A job's id, a unique beginning of it, or latest.")]


@app.callback()
@command
def show_all(common: Common, csv_file: CsvFile = None) -> None:
    """List the jobs, the newest first."""
    jobs = Supervisor(common.workspace).jobs()
    show_table(common, [_plain(j) for j in jobs], [_shown(j) for j in jobs], csv_file, "no job yet")


@app.command()
@command
def follow(common: Common, job: JobId) -> None:
    """Show a job from its beginning to its end, with the job's exit code; Ctrl-C leaves it running."""
    supervisor = Supervisor(common.workspace)
    job_id = supervisor.find(job).id
    last: Event | None = None
    with open_display(common.json) as display:
        try:
            for last in supervisor.follow(job_id):
                display(last)
        except KeyboardInterrupt:
            last = None
    if last is None or last.kind not in TERMINAL:
        raise typer.Exit(_left(job_id))
    note_told(supervisor, job_id)
    if last.kind == "failed":
        raise typer.Exit(report(FextError(str(last.data.get("error")), str(last.data.get("do") or ""))))
    if last.kind == "stopped":
        raise typer.Exit(report(JobStopped(str(last.data.get("message") or "stopped"))))


@app.command()
@command
def stop(
    common: Common,
    job: JobId,
    hard: Annotated[bool, typer.Option("--hard", help="End it at once, without saving.")] = False,
) -> None:
    """Ask a job to save its state and stop."""
    supervisor = Supervisor(common.workspace)
    found = supervisor.find(job)
    supervisor.stop(found.id, hard)
    after = supervisor.find(found.id)
    if common.json:
        common.print_json(_plain(after))
    elif not found.is_active:
        print(f"{found.id} has ended already: {found.state}")
    elif after.is_active:
        print(f"{found.id} was asked to stop; `fext jobs follow {found.id}` shows when it has")
    else:
        print(f"{found.id} has ended: {after.state}")


def _left(job_id: str) -> int:
    typer.echo(f"{job_id} goes on; `fext jobs follow {job_id}` shows it again", err=True)
    return EXIT_INTERRUPTED


def _plain(job: JobInfo) -> dict[str, Any]:
    progress = job.progress.data if job.progress else {}
    last = job.last.data if job.last and job.last.kind in TERMINAL else {}
    return {
        "id": job.id,
        "verb": job.verb,
        "state": job.state,
        "run": job.run,
        "created": iso_moment(job.created),
        "stage": progress.get("stage"),
        "done": progress.get("done"),
        "total": progress.get("total"),
        "message": last.get("error") or last.get("message") or "",
        "folder": str(job.folder),
    }


def _shown(job: JobInfo) -> dict[str, str]:
    return {
        "id": job.id,
        "verb": job.verb,
        "state": job.state,
        "run": job.run or "",
        "created": moment(job.created),
        "progress": progress_text(job.progress.data) if job.progress and job.is_active else "",
    }
