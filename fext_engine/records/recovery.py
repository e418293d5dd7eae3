"""A damaged database: moved aside, never deleted, and made anew from the files that hold the truth."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.records.database import Records, identity, open_records, unfinished
from fext_engine.workspace import Workspace, free_name, sync_folder, timestamp

LOG = "fext.records"
"""The logger of what a person should hear about the database; the command line and the UI show it."""
LOCK_SECONDS = 600.0  # another process makes it anew: that takes a second for each million images
_SIDES = ("-wal", "-shm")


def recover(path: Path, before: tuple[int, int] | None, reason: str) -> None:
    """Move the damaged database at `path` aside and make a new one from the workspace's files.

    `before` is the identity of the file that was found damaged: if another one is there by now, somebody
    else has done it. Everything is told in one line. Raises FextError when a new one cannot be made; then the
    damaged one is where it was.
    """
    try:
        with _alone(path):
            if identity(path) != before:
                return
            said = _exchange(path)
    except (OSError, FextError) as error:
        cause = (error.strerror or error) if isinstance(error, OSError) else error.what
        raise FextError(
            f"the database {escape_name(str(path))} is damaged ({reason}), and no new one can be made: {cause}",
            "free some space and make its folder writable, or use other resources: --resources DIR",
        ) from error
    logging.getLogger(LOG).warning(
        "the database %s was damaged (%s): it was moved to %s", escape_name(str(path)), reason, said
    )


def wait_for_recovery(path: Path) -> None:
    """Wait while another process makes the database anew, and remove what one left that was killed at it."""
    with suppress(OSError), _alone(path):
        _remove(unfinished(path))


def take_in_files(records: Records, path: Path) -> None:
    """Fill a database that was not there with what the workspace's folders hold, and say so if it is anything."""
    workspace = workspace_of(path)
    if workspace is not None:
        from fext_engine.records.rebuild import rebuild

        if found := rebuild(records, workspace):
            logging.getLogger(LOG).warning("there was no database; it was made from the files: %s", found)


def _exchange(path: Path) -> str:
    """Put a new database in the place of the damaged one; return where that is now, and what was made of it."""
    from fext_engine.records.rebuild import rebuild
    from fext_engine.records.salvage import read_damaged

    salvaged = read_damaged(path)
    workspace, new, aside = workspace_of(path), unfinished(path), _free_place(path)
    _remove(new)
    try:
        with open_records(new) as records:
            found = rebuild(records, workspace, salvaged) if workspace else ""
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        for side in _SIDES:
            with suppress(FileNotFoundError):
                path.with_name(path.name + side).rename(aside.with_name(aside.name + side))
        try:
            os.link(path, aside)  # so that there is a database of that name at every moment
        except OSError:  # a file system without links
            path.rename(aside)
        new.replace(path)
    except BaseException:
        _remove(new)
        raise
    sync_folder(path.parent)
    made = f"a new one holds {found}" if found else "a new one is empty"
    lost = f"; {salvaged.lost}" if salvaged.lost else ""
    return f"{escape_name(aside.name)} beside it, {made}{lost}; run `fext analyze` again for the figures of images"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise FextError("another process is at it for long", "end it, and try again") from None
    try:
        yield
    finally:
        lock.release()


def workspace_of(path: Path) -> Workspace | None:
    """The workspace whose database is at `path`; None for a database that stands alone."""
    workspace = Workspace(path.absolute().parents[2]) if len(path.absolute().parents) > 2 else None
    return workspace if workspace is not None and workspace.database == path.absolute() else None


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.stem}_new.sqlite")


def _free_place(path: Path) -> Path:
    return free_name(path.with_name(f"{path.stem}_damaged_{timestamp()}.sqlite"))


def _remove(new: Path) -> None:
    for end in ("", *_SIDES):
        new.with_name(new.name + end).unlink(missing_ok=True)
