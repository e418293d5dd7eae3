"""`fext locate` and `fext clean`: where things are, and removing what can be made again."""

from __future__ import annotations

from typing import Annotated

import typer

from fext_engine.cli.common import Common, command, confirm
from fext_engine.cli.tables import aligned
from fext_engine.cli.wording import size
from fext_engine.paths import escape_name


@command
def locate(
    common: Common,
    *,
    devices: Annotated[bool, typer.Option("--devices", help="Also what torch can compute on.")] = False,
) -> None:
    """Print the paths of the resources folder and the versions of what is installed."""
    from fext_engine.maintenance import installation

    workspace = common.workspace
    paths = installation.paths(workspace, workspace.images_root(common.settings()))
    shown = {name: escape_name(str(path)) if path else None for name, path in paths.items()}
    versions = installation.versions()
    found = installation.ask_for_devices() if devices else []
    if common.json:
        common.print_json({"paths": shown, "versions": versions} | ({"devices": found} if devices else {}))
        return
    computing = [("", ""), *(("device", line) for line in found)] if devices else []
    for name, value in (*shown.items(), ("", ""), *versions.items(), *computing):
        print(f"{name.replace('_', ' '):<24}{value or 'none'}" if name else "")


@command
def clean(
    common: Common,
    *,
    logs: Annotated[bool, typer.Option("--logs", help="Log and crash files.")] = False,
    caches: Annotated[bool, typer.Option("--caches", help="Resized images and unfinished files.")] = False,
    jobs: Annotated[bool, typer.Option("--jobs", help="Events and output of ended jobs.")] = False,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Encodings that were stopped or killed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove logs, caches, ended jobs or unfinished encodings: without a choice logs and caches."""
    from fext_engine.maintenance.removal import Kind, removable, remove

    if not (logs or caches or jobs or unfinished):
        logs = caches = True
    wanted: dict[Kind, bool] = {
        "log": logs, "cache": caches, "leftover": caches, "job": jobs, "unfinished": unfinished,
    }  # fmt: skip
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
