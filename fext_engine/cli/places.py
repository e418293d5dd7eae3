"""`fext locate` and `fext clean`: where things are, and removing what can be made again."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Annotated

import typer

from fext_engine import __version__
from fext_engine.cli.common import Common, command, confirm
from fext_engine.cli.tables import aligned
from fext_engine.cli.wording import size
from fext_engine.logs import last_crash
from fext_engine.paths import escape_name

PACKAGES = ("textual", "torch", "triton", "numpy", "pillow", "opencv-python-headless", "safetensors")


@command
def locate(common: Common) -> None:
    """Print the paths of the resources folder and the versions of what is installed."""
    workspace = common.workspace
    crash = last_crash(workspace.logs)
    paths = {
        "resources": workspace.root,
        "images": workspace.images_root(common.settings()),
        "inference": workspace.inference,
        "database": workspace.database,
        "validation": workspace.validation,
        "checkpoints": workspace.checkpoints,
        "configurations": workspace.configurations,
        "logs": workspace.logs,
        "jobs": workspace.jobs,
        "docs": workspace.docs,
        "cache": workspace.cache,
        "environment_file": workspace.root / ".env",
        "last_crash": crash,
    }
    shown = {name: escape_name(str(path)) if path else None for name, path in paths.items()}
    versions = {"fext": __version__, "python": platform.python_version(), "system": platform.platform()}
    versions |= {name: _version(name) for name in PACKAGES}
    if common.json:
        common.print_json({"paths": shown, "versions": versions})
        return
    for name, value in (*shown.items(), ("", ""), *versions.items()):
        print(f"{name.replace('_', ' '):<24}{value or 'none'}" if name else "")


@command
def clean(
    common: Common,
    *,
    logs: Annotated[bool, typer.Option("--logs", help="Log and crash files.")] = False,
    caches: Annotated[bool, typer.Option("--caches", help="Resized images and unfinished files.")] = False,
    jobs: Annotated[bool, typer.Option("--jobs", help="Events and output of ended jobs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove logs, caches or ended jobs: without a choice logs and caches."""
    from fext_engine.maintenance.removal import Kind, removable, remove

    if not (logs or caches or jobs):
        logs = caches = True
    wanted: dict[Kind, bool] = {"log": logs, "cache": caches, "leftover": caches, "job": jobs}
    found = removable(common.workspace, [kind for kind, chosen in wanted.items() if chosen])
    items = [item for item in found if not item.in_use]
    rows = [{"kind": item.kind, "name": item.name, "size": size(item.bytes)} for item in items]
    if rows and not common.json:
        print("\n".join(aligned(rows)))
    if items and not yes:
        confirm(f"remove these {len(items)}?")
    freed = remove(common.workspace, items)
    if common.json:
        removed = [{"kind": i.kind, "path": escape_name(str(i.path)), "bytes": i.bytes} for i in items]
        common.print_json({"removed": removed, "bytes": freed})
    else:
        print(f"removed {len(items)}, {size(freed)}" if items else "nothing to remove")
    if len(items) < len(found):
        typer.echo(f"{len(found) - len(items)} kept: a running job needs them", err=True)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
