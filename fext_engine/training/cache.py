"""Every image of a run, resized once: uint8 pixels in memory, in a memory-mapped file, or read anew each time."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from torch import Tensor

from fext_engine.arrays import RowWriter, map_rows
from fext_engine.errors import FextError
from fext_engine.images.scan import ScannedFile
from fext_engine.paths import escape_name
from fext_engine.ranks import ALONE, Ranks
from fext_engine.training.cache_room import PREFIX, choose_mode, make_room, mark_used
from fext_engine.training.reading import ImageSize, Pixels, ReadImage, read_image, read_images
from fext_engine.training.run_folder import write_csv
from fext_engine.workspace import atomic_folder

# Part of every cache's key: a new number makes all older caches unused when the way pixels are made changes.
_FORMAT = 1
_PIXELS, _INDEX = "pixels.npy", "index.csv"
_WAIT_SECONDS = 0.25  # for another job, between looks at whether to stop
_INDEX_HEADER = ("path", "digest", "status", "reason")


@dataclass(frozen=True)
class PixelRequest:
    """What a cache is made from and how: files below `root`, brought to `size`, kept as `mode` says."""

    root: Path
    files: Sequence[ScannedFile]
    size: ImageSize
    mode: str
    folder: Path
    threads: int
    limit_gb: float = 50.0
    """What all caches in `folder` may take."""

    @property
    def bytes(self) -> int:
        """Size of all pixels."""
        height, width, channels = self.size.shape
        return len(self.files) * height * width * channels

    @property
    def stored(self) -> Path:
        """The folder that keeps the pixels on disk."""
        return self.folder / f"{PREFIX}{self.key()}"

    def key(self) -> str:
        """A name that changes with any file's path, size or time, and with how pixels are made."""
        digest = hashlib.blake2b(digest_size=12)
        digest.update(repr((_FORMAT, str(self.root), self.size)).encode("utf-8", "surrogatepass"))
        for file in self.files:
            digest.update(repr((file.path, file.size, file.mtime_ns)).encode())
        return digest.hexdigest()


@dataclass
class PixelCache:
    """The usable images of a request: `paths[row]` has `digests[row]`; the others are in `left_out`."""

    paths: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    left_out: list[ReadImage] = field(default_factory=list)
    pixels: NDArray[np.uint8] | None = None
    """(rows, H, W, C), or None when pixels are read anew each time."""
    reader: Callable[[str], Pixels] | None = None
    threads: int = 1
    resident: Tensor | None = None
    """The same as `pixels`, in a device's own memory."""

    def add(self, image: ReadImage) -> None:
        """Note an image, as usable or with its fault."""
        if image.status == "ok":
            self.paths.append(image.path)
            self.digests.append(image.digest)
        else:
            self.left_out.append(image)

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Pixels (len(rows), H, W, C), uint8; raises FextError when a file has gone since it was first read."""
        if self.pixels is not None:
            return self.pixels[rows]
        assert self.reader is not None
        with ThreadPoolExecutor(self.threads) as pool:
            return np.stack(list(pool.map(self.reader, [self.paths[row] for row in rows])))


Report = Callable[[int, int], None]
"""Called with the number of images done and in all; may raise to end the work."""


def open_cache(
    request: PixelRequest,
    report: Report,
    log: Callable[[str], None],
    ranks: Ranks = ALONE,
    shared: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> PixelCache:
    """Return the pixels of all files of `request`, reading what is not on disk yet; broken files are left out.

    Where they are kept is told through `log`. Several `ranks` read a share each, in a block of `shared`, and have
    the same files in the same order. Raises FextError when the mode that was asked for has no room.
    """
    stored, several = request.stored, ranks.count > 1
    mode = ranks.by_leader(
        lambda: choose_mode(request.mode, request.bytes, stored, request.limit_gb, log, several=several)
    )
    if mode == "disk":
        found = _open_stored(stored, request.size) if ranks.leads else None
        if not ranks.by_leader(lambda: found is not None):
            _store(request, report, log, ranks, shared)
        cache = found or _open_stored(stored, request.size)
        if cache is None:
            raise FextError(
                f"the pixel cache {escape_name(str(stored))} cannot be read back",
                "try --set dataset.cache=ram",
            )
        mark_used(stored)
        log(f"{_told(request)} are kept in {escape_name(str(stored))}")
        return cache
    if mode == "ram":
        log(f"{_told(request)} are kept in memory")
    cache = PixelCache(threads=request.threads)
    if mode == "off":
        own: list[ReadImage] = []
        with shared():
            own.extend(replace(image, pixels=None) for image in _read_share(request, report, ranks))
        for part in ranks.gather(own):
            for image in part:
                cache.add(image)
        cache.reader = lambda path: read_again(request, path)
        return cache
    pixels = np.empty((len(request.files), *request.size.shape), np.uint8)
    for image in _read_share(request, report, ranks):
        if image.pixels is not None:
            pixels[len(cache.paths)] = image.pixels
        cache.add(image)
    cache.pixels = pixels[: len(cache.paths)]
    return cache


def _told(request: PixelRequest) -> str:
    height, width, _ = request.size.shape
    return f"resized images, {width}x{height}, {request.bytes / 1e6:.1f} MB,"


def _read_share(request: PixelRequest, report: Report, ranks: Ranks) -> Iterator[ReadImage]:
    """Read this process's share of the files; `report` is told how many of them are done, and of all files."""
    share = ranks.share(len(request.files))
    paths = [request.files[number].path for number in share]
    images = read_images(request.root, paths, request.size, request.threads)
    for done, image in enumerate(images, start=1):
        yield image
        report(done, len(request.files))


def read_again(request: PixelRequest, path: str) -> Pixels:
    """The pixels (H, W, C) of a file that was usable before; raises FextError when it is not any more."""
    image = read_image(request.root, path, request.size)
    if image.pixels is None:
        raise FextError(
            f"{path} could be read when the training began, and cannot now: {image.reason}",
            "put it back, then `fext resume` the run",
        )
    return image.pixels


@contextmanager
def _alone(stored: Path, total: int, report: Report, log: Callable[[str], None]) -> Iterator[None]:
    """Keep other jobs from making the same cache; while one does, wait for it, unless `report` ends that."""
    lock = FileLock(stored.with_name(f".{stored.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log("another job reads the same images just now: waiting for it")
        while not lock.is_locked:
            report(0, total)
            with suppress(Timeout):
                lock.acquire(timeout=_WAIT_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _store(
    request: PixelRequest,
    report: Report,
    log: Callable[[str], None],
    ranks: Ranks,
    shared: Callable[[], AbstractContextManager[None]],
) -> None:
    """Write a cache; the folder appears under its name only when it is whole."""
    stored = request.stored
    with ExitStack() as stack:

        def begin() -> Path | None:
            stack.enter_context(_alone(stored, len(request.files), report, log))
            if _open_stored(stored, request.size) is not None:
                return None  # another job has made it meanwhile
            shutil.rmtree(stored, ignore_errors=True)
            make_room(request.bytes, stored, request.limit_gb, log)
            return stack.enter_context(atomic_folder(stored))

        folder = ranks.by_leader(begin)
        if folder is not None:
            with shared():
                _write_share(folder if ranks.count == 1 else _part(folder, ranks.number), request, report, ranks)
            if ranks.count > 1 and ranks.leads:
                _join(folder, [_part(folder, number) for number in range(ranks.count)], request.size)
    ranks.wait()


def _write_share(folder: Path, request: PixelRequest, report: Report, ranks: Ranks) -> None:
    folder.mkdir(exist_ok=True)
    rows: list[tuple[object, ...]] = []
    with RowWriter(folder / _PIXELS, request.size.shape, np.dtype(np.uint8)) as writer:
        for image in _read_share(request, report, ranks):
            if image.pixels is not None:
                writer.write(image.pixels[None])
            rows.append((image.path, image.digest, image.status, image.reason))
    write_csv(folder / _INDEX, _INDEX_HEADER, rows)


def _part(folder: Path, number: int) -> Path:
    return folder / f"part_{number}"


def _join(folder: Path, parts: list[Path], size: ImageSize) -> None:
    """Put one cache in `folder` together of parts inside it, which go."""
    with (
        RowWriter(folder / _PIXELS, size.shape, np.dtype(np.uint8)) as writer,
        (folder / _INDEX).open("wb") as index,
    ):
        for part in parts:
            writer.append(part / _PIXELS)
            with (part / _INDEX).open("rb") as lines:
                header = lines.readline()
                if part == parts[0]:
                    index.write(header)
                shutil.copyfileobj(lines, index)
            shutil.rmtree(part)


def _open_stored(stored: Path, size: ImageSize) -> PixelCache | None:
    """The cache in a folder, or None when there is none or it has been damaged."""
    cache = PixelCache()
    try:
        with (stored / _INDEX).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                cache.add(
                    ReadImage(row["path"], None, row["digest"], status=row["status"], reason=row["reason"])
                )
        shape = (len(cache.paths), *size.shape)
        cache.pixels = map_rows(stored / _PIXELS, shape, np.dtype(np.uint8)) if cache.paths else None
    except (OSError, ValueError, KeyError, csv.Error):
        return None
    return cache
