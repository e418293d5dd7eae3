"""Renaming, annotating and removing runs: the folder and what the database holds of it stay of one mind."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from pathlib import Path

from fext_engine.documents import read_json
from fext_engine.errors import FextError, room_to_write
from fext_engine.latents.manifest import LARGEST, MANIFEST
from fext_engine.maintenance.removal import removable_run, remove
from fext_engine.paths import escape_name, unescape_name
from fext_engine.records import Records, open_records
from fext_engine.records import runs as run_records
from fext_engine.training.run_folder import RunFolder, run_name
from fext_engine.workspace import Workspace, write_atomic


def run_folder(workspace: Workspace, name: str) -> Path:
    """The folder of the run called exactly `name`; raises FextError when there is none.

    A name that comes from the records is only ever compared, never made part of a path.
    """
    with suppress(OSError):
        for path in workspace.checkpoints.iterdir():
            if (
                name in (path.name, escape_name(path.name))
                and path.is_dir()
                and not path.name.startswith(".")
            ):
                return path
    raise FextError(f"there is no run called {escape_name(name)!r}", "`fext runs` lists them")


def rename_run(workspace: Workspace, name: str, new: str) -> Path:
    """Give the run `name` another name, and everything recorded of it; return its new folder.

    Raises FextError, with all as it was, when a job uses the run, or `new` is taken or no name for a run.
    """
    folder = run_folder(workspace, name)
    new = run_name(workspace, "", new)
    target = workspace.run(new)
    user = removable_run(workspace, folder).in_use
    if user:
        raise FextError(f"the run {folder.name} is in use by job {user}", "wait for it, or stop it first")
    with RunFolder(folder).locked():
        pass  # a job that no folder tells of would hold it; it is let go for Windows, which moves no open file
    try:
        with open_records(workspace.database) as records:
            encodings = _encodings_of(records, folder.name)
            with records.connection:
                run_records.rename_run(records, escape_name(folder.name), new)
                folder.rename(target)
    except sqlite3.IntegrityError:
        raise FextError(f"a run called {new} is recorded already", "choose another name") from None
    except (OSError, sqlite3.Error, FextError) as error:
        if not folder.exists():  # it was the records that could not be written
            target.rename(folder)
        raise FextError(
            f"cannot rename {escape_name(str(folder))}: {error}",
            "check its permissions, and whether a program has it open",
        ) from error
    for encoding in encodings:
        _rename_in_manifest(encoding, folder.name, new)
    return target


def annotate_run(workspace: Workspace, name: str, text: str) -> str:
    """Keep `text`, as one line, as the run's note, in its folder and in the records; return it.

    An empty text takes the note away. Raises FextError when it cannot be written.
    """
    run = RunFolder(run_folder(workspace, name))
    note = " ".join(text.split())
    try:
        if note:
            write_atomic(run.note, note + "\n")
        else:
            run.note.unlink(missing_ok=True)
        with open_records(workspace.database) as records:
            run_records.set_note(records, escape_name(run.name), note)
    except (OSError, sqlite3.Error, UnicodeEncodeError) as error:
        raise FextError(
            f"cannot write {escape_name(str(run.note))}: {getattr(error, 'strerror', None) or error}",
            room_to_write(error) if isinstance(error, OSError) else "write it in plain letters",
        ) from error
    return note


def remove_run(workspace: Workspace, name: str) -> int:
    """Remove a run's folder and what is recorded of it, and return the bytes freed.

    Of a run whose folder is gone, the records are removed. Raises FextError when a job uses it.
    """
    try:
        folder = run_folder(workspace, name)
    except FextError:
        with open_records(workspace.database) as records:
            run_records.forget_run(records, name if name.isprintable() else escape_name(name))
        return 0
    return remove(workspace, [removable_run(workspace, folder)])


def _encodings_of(records: Records, run: str) -> list[Path]:
    rows = records.connection.execute("SELECT path FROM encodings WHERE run = ?", (escape_name(run),))
    return [Path(unescape_name(row["path"])) for row in rows]


def _rename_in_manifest(folder: Path, old: str, new: str) -> None:
    """Let an encoding name its run anew; what is no encoding of it, or was moved or removed, is left alone."""
    with suppress(OSError, ValueError):
        document = read_json(folder / MANIFEST, LARGEST)
        if isinstance(document, dict) and document.get("run") == old:
            text = json.dumps({**document, "run": new}, indent=1, ensure_ascii=False)
            write_atomic(folder / MANIFEST, text + "\n")
