"""Reads many images in threads, in order, a bounded number ahead of whoever uses them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from fext_engine.images.decode import content_digest, decode_resized, read_file, read_info
from fext_engine.images.faults import DecodeError
from fext_engine.images.presence import require_folder
from fext_engine.images.scan import image_path
from fext_engine.ranks import processes_here

Pixels = NDArray[np.uint8]
_AHEAD = 16  # images in flight for each thread
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class ImageSize:
    """What every image is brought to: height and width in pixels, one channel or three."""

    height: int
    width: int
    grayscale: bool

    @property
    def channels(self) -> int:
        return 1 if self.grayscale else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the pixels."""
        return self.height, self.width, self.channels


@dataclass(frozen=True)
class ReadImage:
    """One file as it was read; where `pixels` is None, `status` and `reason` say why."""

    path: str
    pixels: Pixels | None
    """(H, W, C) uint8, resized."""
    digest: str
    """SHA-256 of the file's bytes, in hexadecimal; empty where they could not be read."""
    width: int = 0
    """The image's own width, upright; 0 when it was not asked for."""
    height: int = 0
    status: str = "ok"
    """`ok`, or the kind of failure as `fext_engine.images.faults` names it."""
    reason: str = ""


def core_count() -> int:
    """The cores that this process may use, with the others of its job."""
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else None
    if cores is None and hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return cores or os.cpu_count() or 1


def thread_count(setting: int | Literal["auto"]) -> int:
    """Threads that read images: as set, or one for each core that is this process's of those of its job."""
    return max(1, core_count() // processes_here() if setting == "auto" else setting)


def read_images(
    root: Path, paths: Iterable[str], size: ImageSize, threads: int, dimensions: bool = False
) -> Iterator[ReadImage]:
    """Yield each of the stored (relative, escaped) `paths` below `root`, decoded and resized, in their order.

    `dimensions` asks for each image's own width and height too.
    """
    return in_order(lambda path: read_image(root, path, size, dimensions), paths, threads)


def in_order(
    work: Callable[[T], R],
    items: Iterable[T],
    threads: int,
    ahead: int = _AHEAD,
    prepare: Callable[[], None] | None = None,
) -> Generator[R, None, None]:
    """Yield `work(item)` for each item, in their order, done in threads at most `ahead` for each thread ahead.

    Pillow releases the GIL while it decodes, so threads use the cores without the cost of processes. Each
    thread calls `prepare` first. Closing the iterator ends the threads once their item under way is done.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read", initializer=prepare)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= threads * ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def read_image(root: Path, path: str, size: ImageSize, dimensions: bool = False) -> ReadImage:
    """Read one image; a broken one comes back with the kind of fault as its status.

    Raises FextError when it is the folder of the images that is gone.
    """
    image = read_single_image(root, path, size, dimensions)
    if image.status == "unreadable":
        require_folder(root)
    return image


def read_single_image(root: Path, path: str, size: ImageSize, dimensions: bool = False) -> ReadImage:
    """What `read_image` does for a file that stands for itself: never an exception."""
    file = image_path(root, path)
    digest = ""
    try:
        data = read_file(file)
        digest = content_digest(data)
        pixels = decode_resized(file, size.height, size.width, size.grayscale, data=data)
        info = read_info(file, data) if dimensions else None
    except DecodeError as error:
        return ReadImage(path, None, digest, status=error.kind, reason=error.reason)
    return ReadImage(path, pixels, digest, info.width if info else 0, info.height if info else 0)
