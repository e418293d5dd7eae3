"""Measuring by several processes: each examines a share of the images, into a file that the leading one takes over.

The database has one writer. The files lie in the folders of the processes, in that of their job; what a job that
was killed left there, the next analysis of the same folder takes over.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.images.findings import Examined, Task
from fext_engine.jobs.folder import is_alive
from fext_engine.jobs.job import Job
from fext_engine.paths import escape_name
from fext_engine.records import Records
from fext_engine.records import images as image_records

_PENDING = "pending.txt"
_TAKEN_AT_ONCE = 1000
_BYTES = ("histogram", "thumbnail")
_NAMES = [field.name for field in fields(Examined)]


@dataclass(frozen=True)
class Pending:
    """The images of a root that are to be measured, `total` of them, a line each in a file."""

    root_id: int
    total: int
    file: Path

    def tasks(self, share: range) -> Iterator[Task]:
        """Those of these numbers."""
        with self.file.open(encoding="utf-8", newline="\n") as lines:
            for line in islice(lines, share.start, share.stop):
                number, _, path = line.rstrip("\n").partition(" ")
                yield Task(int(number), path)


def list_pending(records: Records, root_id: int, folder: Path) -> Pending:
    """List the images that wait for their measures into a file in `folder`."""
    total, file = 0, folder / _PENDING
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        for total, task in enumerate(image_records.iterate_pending(records, root_id), start=1):  # noqa: B007
            lines.write(f"{task.id} {task.path}\n")
    return Pending(root_id, total, file)


class Part:
    """What one process found, a line of JSON for each image; a line that a crash tore is not taken."""

    def __init__(self, folder: Path, root_id: int) -> None:
        self._path = folder / _name(root_id)
        self._file = self._path.open("wb")

    def add(self, found: list[Examined]) -> None:
        """Write some; raises FextError when the disk is full."""
        try:
            self._file.writelines(_to_line(one) for one in found)
            self._file.flush()
        except OSError as error:
            raise FextError(
                f"cannot write {escape_name(str(self._path))}: {error.strerror}",
                "free some space, then analyze again; what was measured is kept",
            ) from error

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # told when it was met
            self._file.close()


def take_parts(job: Job, records: Records, root_id: int) -> None:
    """Record what the processes of this job, and of jobs that have ended, found of a root; their files go."""
    for file in sorted(job.workspace.jobs.glob(f"*/rank_*/{_name(root_id)}")):
        owner = file.parent.parent
        if owner == job.folder or not is_alive(owner):
            found = _read(file)
            while some := list(islice(found, _TAKEN_AT_ONCE)):
                image_records.record_examined(records, image_records.still_pending(records, root_id, some))
            file.unlink(missing_ok=True)


def _name(root_id: int) -> str:
    return f"measured_{root_id}.jsonl"


def _to_line(found: Examined) -> bytes:
    values = {name: getattr(found, name) for name in _NAMES}
    values |= {name: base64.b64encode(values[name]).decode() for name in _BYTES}
    return json.dumps(values).encode() + b"\n"


def _read(file: Path) -> Iterator[Examined]:
    with file.open("rb") as lines:
        yield from _parsed(lines)


def _parsed(lines: Iterable[bytes]) -> Iterator[Examined]:
    for line in lines:
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            values = json.loads(line)
            values |= {name: base64.b64decode(values[name]) for name in _BYTES}
            yield Examined(**values | {"values": tuple(values["values"])})
