"""What is told while an encoding is made: how far it is, and which files have no vector."""

from __future__ import annotations

from fext_engine.jobs.job import Job
from fext_engine.latents.encoding import FileRow

_NAMED = 100  # broken files that the log names


def goes_on(done: int, total: int) -> str:
    """That an earlier start has done some of the files."""
    return f"goes on behind {done} of {total} images, which were done before"


class Told:
    """What is told while files are encoded, of so many in all and `done` before."""

    def __init__(self, job: Job, total: int, done: int) -> None:
        self._job, self._total, self._done, self._broken = job, total, done, 0

    def progress(self, lines: list[FileRow]) -> None:
        """So many more files are done."""
        self._done += len(lines)
        self._job.progress("encoding", self._done, self._total)

    def faults(self, lines: list[FileRow]) -> None:
        """Name those that have no vector, the first hundred of them."""
        for line in lines:
            self._broken += line.status != "ok"
            if line.status != "ok" and self._broken <= _NAMED:
                self._job.log(f"{line.path} has no vector: {line.status}, {line.reason}", "warning")

    def more_faults(self) -> None:
        """Say at the end how many were not named."""
        if self._broken > _NAMED:
            more = self._broken - _NAMED
            self._job.log(f"{more} more have no vector; rows.csv will name them all", "warning")
