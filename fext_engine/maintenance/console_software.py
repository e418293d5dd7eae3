"""The console's entries about FeXT itself: update and uninstall."""

from __future__ import annotations

from pathlib import Path

from fext_engine.cli.wording import size
from fext_engine.maintenance import git_update, release, release_update, software, uninstall
from fext_engine.maintenance.asking import WIDTH, Quit, agreed, ask
from fext_engine.maintenance.in_use import refuse_during_jobs
from fext_engine.maintenance.removal import Removable
from fext_engine.paths import escape_name
from fext_engine.workspace import Workspace

_SHOWN = 20


def update_fext(workspace: Workspace) -> None:
    """Bring FeXT up to date, by git or from an archive, and leave."""
    project = software.updatable_project()
    refuse_during_jobs(workspace)
    if (project / ".git").exists():
        _update_by_git(project)
    else:
        _update_from_archive(project)


def _update_by_git(project: Path) -> None:
    titles = git_update.incoming_changes(project)
    if not titles:
        print("FeXT is up to date.")
        return
    print("\n".join(f"  {title}" for title in titles[:_SHOWN]))
    print(f"  and {len(titles) - _SHOWN} more" if len(titles) > _SHOWN else "  No file of yours is touched.")
    if agreed(f"Take in these {len(titles)} changes (git pull --ff-only)?"):
        print(f"Now at {git_update.update(project)}.")
        _leave()


def _update_from_archive(project: Path) -> None:
    print("Fetch the archive of the release, and its .sha256 file into the same folder.")
    given = ask("Path of the archive, or Enter to go back: ")
    if not given:
        return
    archive = release.archive_at(given)
    checksum = release.checksum_beside(archive) or ask("Its SHA-256, from where the archive is from: ")
    fetched = release.read_release(archive, checksum)
    changes = release_update.changes_of(project, fetched)
    print("\n".join(f"  {line}" for line in release_update.describe(changes)))
    if agreed("Do it?"):
        release_update.install(project, fetched)
        print(f"Now at FeXT {changes.version}.")
        _leave()


def _leave() -> None:
    print("Start FeXT anew: that also installs what the new version needs.")
    raise Quit


def uninstall_fext(workspace: Workspace) -> None:
    """Delete the environment, and of the person's data what is named, and leave."""
    plan = uninstall.plan_uninstall(workspace)
    print(f"  {escape_name(str(plan.environment)):<{WIDTH}} {size(plan.bytes):>10}")
    print("  the Python environment with all libraries. The rest of this project's folder stays.")
    print(f"\nYour data in {escape_name(str(workspace.root))} stays too, but for what you name:")
    for part in plan.parts:
        print(f"  {part.name:<10} {size(part.bytes):>10}  {part.about}")
    parts = plan.named(ask("\nNames of what is to go as well, as `logs caches`, or Enter for none: "))
    print("\nThis is deleted for good:")
    print("\n".join(f"  {line}" for line in plan.describe(parts)))
    if agreed("Delete it?"):
        code = uninstall.uninstall(workspace, plan.environment, parts, _tell)
        print(
            "Gone. ./run.sh setup makes the environment again."
            if code == 0
            else "run.bat deletes the environment."
        )
        raise Quit(code)


def _tell(item: Removable) -> None:
    print(f"  deleting {escape_name(str(item.path))}")
