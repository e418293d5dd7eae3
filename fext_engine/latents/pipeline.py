"""Decoding, transfer and computing at once: files in, their lines and rows out, in order.

On a CPU each worker thread reads and encodes a share of a batch by itself: every core has work all the time,
and none waits for another within an operation. On a GPU the workers read ahead, and the device has its next
batch before the rows of the last one are fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fext_engine.images.decode import content_digest, read_file
from fext_engine.images.faults import DecodeError
from fext_engine.images.scan import image_path
from fext_engine.jobs.platform import keep_memory
from fext_engine.latents.encoder import ImageEncoder
from fext_engine.latents.encoding import FileRow
from fext_engine.latents.known import Known, Task
from fext_engine.ranks import processes_here
from fext_engine.training.reading import T, in_order, read_image

_AHEAD = 3  # shares of a batch in flight for each worker


class Item(NamedTuple):
    """A file that was looked at, and its line, whose number is given when it is written."""

    line: FileRow
    old_row: int | None = None
    """Its row in the encoding that is brought up to date; otherwise a file that is `ok` is encoded."""


class Share(NamedTuple):
    """Files that were read, and the pixels of those of them that are to be encoded, (H, W, C) each."""

    items: list[Item]
    pixels: list[NDArray[np.uint8]]


class Step(NamedTuple):
    """Files of one step, and what waits for the rows of those that were encoded, in their order."""

    items: list[Item]
    rows: Callable[[], NDArray[Any]]

    def table(self, old: NDArray[Any] | None) -> tuple[NDArray[Any], list[FileRow]]:
        """The rows (n, *row_shape) of all files that have one, some of them from `old`, and all lines."""
        rows = self.rows()
        lines = [item.line for item in self.items]
        kept = [item.old_row for item in self.items if item.line.status == "ok"]
        if old is not None and any(row is not None for row in kept):
            place = np.array([row is not None for row in kept])
            merged = np.empty((len(kept), *rows.shape[1:]), rows.dtype)
            merged[place] = old[[row for row in kept if row is not None]]
            merged[~place] = rows
            rows = merged
        return rows, lines


@dataclass(frozen=True)
class Pipeline:
    """Looks at files below `root` and encodes those whose row is not known."""

    root: Path
    encoder: ImageEncoder
    batch: int
    share: int
    """Files that a worker takes at once: the same on all machines that make an encoding together."""
    workers: int
    known: Known | None = None

    @property
    def step_files(self) -> int:
        """How many files a step has, but for the last."""
        return self.share if self._on_cpu else self.share * self._shares

    def run(self, tasks: Iterable[Task]) -> Generator[Step, None, None]:
        """Yield steps in the order of the tasks; closing the iterator ends what is under way."""
        shares = _groups(tasks, self.share)
        if self._on_cpu:
            keep_memory()
            workers = min(self.workers, self.batch)  # no more images at once than a batch has
            with (
                _threads_shared_by(workers) as prepare,
                closing(in_order(self._read_and_encode, shares, workers, _AHEAD, prepare)) as encoded,
            ):
                yield from encoded
            return
        with closing(in_order(self._read, shares, self.workers, _AHEAD)) as read:
            for group in _groups(read, self._shares):
                items = [item for share in group for item in share.items]
                yield self._start(Share(items, [pixels for share in group for pixels in share.pixels]))

    @property
    def _on_cpu(self) -> bool:
        return self.encoder.device.type == "cpu"

    @property
    def _shares(self) -> int:
        """How many shares make a batch."""
        return self.batch // self.share

    def _read_and_encode(self, tasks: list[Task]) -> Step:
        return self._start(self._read(tasks))

    def _start(self, share: Share) -> Step:
        if share.pixels:
            return Step(share.items, self.encoder.start(share.pixels))
        none = np.empty((0, *self.encoder.row_shape), self.encoder.dtype)
        return Step(share.items, lambda: none)

    def _read(self, tasks: list[Task]) -> Share:
        found = [self._look(task) for task in tasks]
        return Share([item for item, _ in found], [pixels for _, pixels in found if pixels is not None])

    def _look(self, task: Task) -> tuple[Item, NDArray[np.uint8] | None]:
        path, known = task.file.path, task.known or self._known_content(task.file.path)
        if known is not None:
            return Item(known._replace(path=path, status="ok", reason=""), known.row), None
        image = read_image(self.root, path, self.encoder.size, dimensions=True)
        reason = " ".join(image.reason.split())  # a line of the table is a line of the file
        line = FileRow(None, path, image.width, image.height, image.digest, image.status, reason)
        return Item(line), image.pixels

    def _known_content(self, path: str) -> FileRow | None:
        """The line of a file of the same content, such as one that was renamed."""
        if self.known is None:
            return None
        try:
            return self.known.find(content_digest(read_file(image_path(self.root, path))))
        except DecodeError:
            return None


def _groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while group := list(islice(remaining, size)):
        yield group


@contextmanager
def _threads_shared_by(workers: int) -> Iterator[Callable[[], None]]:
    """Let each of the workers, which call what is yielded, compute in its share of torch's threads."""
    threads = torch.get_num_threads()
    try:
        yield lambda: torch.set_num_threads(max(1, threads // (workers * processes_here())))
    finally:
        torch.set_num_threads(threads)
