"""An update from a release archive: what it would change, and changing that as a whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fext_engine import __version__
from fext_engine.errors import FextError
from fext_engine.maintenance.project_files import LIST, changed_files, list_text, noted_files
from fext_engine.maintenance.release import Release, ReleaseFile
from fext_engine.paths import escape_name
from fext_engine.workspace import sync_folder, write_atomic

ROOM = ".update"  # in the project's folder; run.sh and run.bat know it too
_SHOWN = 5


@dataclass(frozen=True)
class Changes:
    """What an update would do, as paths below the project's folder."""

    now: str
    version: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def changes_of(project: Path, release: Release) -> Changes:
    """Compare a release with what is installed.

    Raises FextError where files were changed here, or one of the release would take the place of another's.
    """
    if (project / ".git").exists():
        raise FextError(
            "this copy of FeXT is a git clone: an archive over it would look like changes of yours",
            "update it by git; without a network, from a `git bundle`",
        )
    if (project / ROOM).exists():
        raise _at_work(project)
    noted = noted_files(project)
    if mine := changed_files(project, noted):
        raise FextError(_named(mine, "were changed here"), "keep a copy of them and unpack their originals")
    fresh = {path: file.digest for path, file in release.files.items()}
    added = [path for path in fresh if path not in noted]
    taken = [path for path in changed_files(project, {p: fresh[p] for p in added}) if _there(project / path)]
    if taken:
        raise FextError(_named(taken, "are yours, and the release has some of that name"), "move them away")
    return Changes(
        now=__version__, version=release.version, added=tuple(sorted(added)),
        changed=tuple(sorted(path for path in fresh if path in noted and noted[path] != fresh[path])),
        removed=tuple(sorted(noted.keys() - fresh.keys())),
    )  # fmt: skip


def describe(changes: Changes) -> list[str]:
    """What the update does, in lines for people."""
    now, new = changes.now, changes.version
    lines = [f"FeXT {now} becomes {new}{_about_version(now, new)}: {_counted('file', len(changes.changed))} changed, "
             f"{len(changes.added)} added, {len(changes.removed)} removed."]  # fmt: skip
    gone = [f"deleted: {escape_name(path)}" for path in changes.removed[:_SHOWN]]
    more = [f"and {len(changes.removed) - _SHOWN} more"] if len(changes.removed) > _SHOWN else []
    return [*lines, *gone, *more, "Images, runs, presets of yours and the database are not touched."]


def _about_version(now: str, new: str) -> str:
    if now == new:
        return " again"
    numbers = [[int(part) for part in re.findall(r"\d+", version[:100])] for version in (now, new)]
    return ", which is OLDER" if numbers[1] < numbers[0] else ""


def _counted(noun: str, count: int) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def install(project: Path, release: Release) -> Changes:
    """Put the release's files in the place of the installed ones; resources of people are not touched.

    The old ones are kept aside until the new ones are all there and right; whatever fails before that, they come
    back, and after a crash the next start brings them back. Raises FextError with all as it was.
    """
    changes = changes_of(project, release)
    room = project / ROOM
    try:
        room.mkdir()
    except FileExistsError:
        raise _at_work(project) from None
    except OSError as error:
        raise FextError(
            f"cannot write to {escape_name(str(project))}: {error.strerror}", "update as its owner"
        ) from error
    try:
        _prepare(room, project, changes, release)
        _swap(room, project, changes, release)
    except OSError as error:
        where = escape_name(os.fsdecode(error.filename or project))
        raise FextError(
            f"cannot update: {where}: {error.strerror or error}",
            "free some space, or make it writable",
        ) from error
    finally:
        if not (room / "old").exists():  # else it could not be undone: the next start tries again
            shutil.rmtree(room, ignore_errors=True)
    return changes


def _at_work(project: Path) -> FextError:
    return FextError(
        f"{escape_name(str(project / ROOM))} is there: an update is at work, or was cut off",
        "wait, or start run.sh anew, which undoes what was cut off",
    )


def _prepare(room: Path, project: Path, changes: Changes, release: Release) -> None:
    """Write the new files, and copies of those that are to go, beside what is installed."""
    host = os.uname().nodename if hasattr(os, "uname") else ""
    write_atomic(room / "process", f"{host} {os.getpid()}\n")
    for path in (*changes.added, *changes.changed):
        _write(room / "new" / path, release.files[path])
    digests = {path: file.digest for path, file in release.files.items()}
    _write(room / "new" / LIST, ReleaseFile(list_text(release.version, digests).encode(), False))
    for path in (*changes.changed, *changes.removed, LIST):
        copy = room / "copies" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project / path, copy)
        with copy.open("rb+") as opened:
            os.fsync(opened.fileno())


def _swap(room: Path, project: Path, changes: Changes, release: Release) -> None:
    """From the first rename to the last the update can be undone by copying `old` back."""
    old = room / "old"
    (room / "copies").rename(old)
    sync_folder(room)
    try:
        for path in (*changes.changed, *changes.added, LIST):
            target = project / path
            if path in changes.changed and os.access(target, os.X_OK):
                (room / "new" / path).chmod(0o777 & ~_umask())
            target.parent.mkdir(parents=True, exist_ok=True)
            (room / "new" / path).replace(target)
        for path in changes.removed:
            (project / path).unlink()
        if wrong := changed_files(project, {path: file.digest for path, file in release.files.items()}):
            raise OSError(0, "it is not as it was written", str(project / wrong[0]))
    except BaseException:
        _undo(old, project, changes)
        old.rename(room / "undone")
        raise
    old.rename(room / "done")


def _undo(old: Path, project: Path, changes: Changes) -> None:
    for path in (*changes.changed, *changes.removed, LIST):
        (old / path).replace(project / path)
    for path in changes.added:
        with suppress(OSError):
            (project / path).unlink()


def _write(file: Path, content: ReleaseFile) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        opened.write(content.data)
        opened.flush()
        os.fsync(opened.fileno())
    file.chmod((0o777 if content.executable else 0o666) & ~_umask())


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current


def _there(file: Path) -> bool:
    return file.exists() or file.is_symlink()


def _named(paths: list[str], what: str) -> str:
    shown = ", ".join(escape_name(path) for path in sorted(paths)[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{shown}{more} {what}"
