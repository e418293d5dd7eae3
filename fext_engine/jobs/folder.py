"""A job's folder: what it was asked (`job.toml`), the lock that says it lives, its process id."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from fext_engine import __version__
from fext_engine.documents import read_toml
from fext_engine.errors import FextError, SettingsError, room_to_write
from fext_engine.jobs import platform
from fext_engine.paths import escape_name
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace, free_name, mark_newest, timestamp, write_atomic

LOCK_FILE = "lock"
PID_FILE = "pid"
JOB_FILE = "job.toml"
OUTPUT_FILE = "output.log"
CLAIM_SECONDS = 3.0  # somebody asking `is_alive` holds the lock for an instant
CLOCK_SECONDS = 1.0  # a process's start is told within this


@dataclass(frozen=True)
class JobRequest:
    """What a job was asked to do. `arguments` are plain text and numbers: a run's name, a folder."""

    id: str
    verb: str
    settings: Settings
    arguments: dict[str, Any]
    created: float


def create_job(workspace: Workspace, verb: str, settings: Settings, arguments: dict[str, Any]) -> Path:
    """Make the folder of a new job and return it; raises FextError when it cannot be written."""
    import tomli_w

    name = f"{timestamp()}-{verb}-{secrets.token_hex(2)}"
    folder = free_name(workspace.jobs / name)
    document = {
        "verb": verb,
        "created": datetime.now(UTC),
        "fext_version": __version__,
        "arguments": {key: value for key, value in arguments.items() if value is not None},
        "settings": settings.model_dump(),
    }
    try:
        text = tomli_w.dumps(document).encode()
        folder.mkdir(parents=True)
        write_atomic(folder / JOB_FILE, text)
        mark_newest(folder / JOB_FILE, workspace.jobs.glob(f"*/{JOB_FILE}"))
    except OSError as error:
        raise FextError(
            f"cannot write the job folder {escape_name(str(folder))}: {error.strerror}",
            room_to_write(error),
        ) from error
    except UnicodeEncodeError as error:
        raise FextError(
            f"a folder's name is not valid UTF-8: {ascii(error.object)[:200]}",
            "rename it, or link it under a plain name",
        ) from error
    return folder


def age_order(folder: Path) -> tuple[int, str]:
    """What sorts jobs from the oldest to the newest, also when the clock was set back in between."""
    try:
        return (folder / JOB_FILE).stat().st_mtime_ns, folder.name
    except OSError:
        return 0, folder.name


def read_request(folder: Path) -> JobRequest:
    """Read a job's `job.toml`; raises FextError when it is missing or broken."""
    try:
        document = read_toml(folder / JOB_FILE)
        values = {
            f"{section}.{key}": v
            for section, table in document["settings"].items()
            for key, v in table.items()
        }
        return JobRequest(
            id=folder.name,
            verb=str(document["verb"]),
            settings=Settings().with_options(values),
            arguments=dict(document["arguments"]),
            created=document["created"].timestamp(),
        )
    except SettingsError as error:
        raise FextError(f"{escape_name(str(folder / JOB_FILE))}: {error.what}", "remove that job's folder") from error
    except (OSError, ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
        raise FextError(
            f"{escape_name(str(folder / JOB_FILE))} cannot be read: {error}", "remove that job's folder"
        ) from error


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold the lock that says the job lives; raises FextError when another process holds it."""
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=CLAIM_SECONDS)
    except Timeout:
        raise FextError(
            f"job {folder.name} runs already", f"follow it with `fext jobs follow {folder.name}`"
        ) from None
    except OSError as error:
        raise FextError(
            f"cannot lock the job folder {escape_name(str(folder))}: {error.strerror}",
            room_to_write(error),
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_alive(folder: Path) -> bool:
    """Whether some process holds the job's lock now."""
    path = folder / LOCK_FILE
    if not path.exists():
        return False
    probe = FileLock(path)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # a read-only folder: nobody can run a job there
        return False
    probe.release()
    return False


def write_pid(folder: Path) -> None:
    """Note this process, by its id and the time it began, as the one that runs the job."""
    process = psutil.Process()
    write_atomic(folder / PID_FILE, f"{process.pid} {platform.began(process)!r}")


def read_pid(folder: Path) -> int | None:
    """The process that runs the job now on this machine, or None when none does.

    It is believed only while the lock is held and while its id still belongs to a process of that start.
    """
    if not is_alive(folder):
        return None
    try:
        pid, began = (folder / PID_FILE).read_text(encoding="ascii").split()
        same = abs(platform.began(psutil.Process(int(pid))) - float(began)) < CLOCK_SECONDS
    except (OSError, ValueError, psutil.Error):
        return None
    return int(pid) if same else None


def output_tail(folder: Path, lines: int = 12) -> str:
    """The last lines that native code or a crash printed, for a message."""
    try:
        with (folder / OUTPUT_FILE).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 8192))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
