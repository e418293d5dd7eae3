"""Putting a finished encoding in its place, also where an older one stands, and mending what a crash left there."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

from fext_engine.latents.manifest import MANIFEST
from fext_engine.latents.unfinished import final_place, remove_tools, unfinished_in
from fext_engine.workspace import mark_newest, sync_folder

OLD = ".replaced"


def put_in_place(made: Path, output: Path, replace: bool) -> None:
    """Rename the folder `made`, which is whole and on disk, to `output`; with `replace` where an encoding is.

    That older encoding is first renamed to a hidden `.<name>.replaced`, and removed at the end. Between the two
    renames there is none of that name: `mend` puts the new one there if the process dies just then.
    """
    old = _aside(output)
    if output.exists():
        if not replace:
            raise FileExistsError(errno.EEXIST, "it exists already", str(output))
        if old.exists():
            shutil.rmtree(old)
        output.rename(old)
    made.rename(output)
    sync_folder(output.parent)
    remove_tools(output)
    mark_newest(output, output.parent.iterdir())
    shutil.rmtree(old, ignore_errors=True)


def mend(folder: Path) -> list[str]:
    """Finish what `put_in_place` was killed at in `folder`; return the names of the encodings concerned."""
    mended = []
    with suppress(OSError):
        for old in [path for path in folder.glob(f".*{OLD}") if (path / MANIFEST).is_file()]:
            output = old.with_name(old.name[1 : -len(OLD)])
            if not output.exists():
                (_finished_for(output) or old).rename(output)
                sync_folder(folder)
                mended.append(output.name)
            if (output / MANIFEST).is_file():
                remove_tools(output)
                shutil.rmtree(old, ignore_errors=True)
    return mended


def _finished_for(output: Path) -> Path | None:
    for folder, state in unfinished_in(output.parent):
        if final_place(folder, state) == output and (folder / MANIFEST).is_file():
            return folder
    return None


def _aside(output: Path) -> Path:
    return output.with_name(f".{output.name}{OLD}")
