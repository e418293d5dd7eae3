"""Every image of a run, resized once: uint8 pixels in memory, in a memory-mapped file, or read anew each time."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fext_engine.arrays import RowWriter, map_rows
from fext_engine.errors import FextError
from fext_engine.images.scan import ScannedFile
from fext_engine.paths import escape_name
from fext_engine.training.cache_room import PREFIX, choose_mode, make_room, mark_used
from fext_engine.training.reading import ImageSize, Pixels, ReadImage, read_image, read_images
from fext_engine.training.run_folder import write_csv
from fext_engine.workspace import atomic_folder

# Part of every cache's key: a new number makes all older caches unused when the way pixels are made changes.
_FORMAT = 1
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


def open_cache(request: PixelRequest, report: Report, log: Callable[[str], None]) -> PixelCache:
    """Return the pixels of all files of `request`, reading what is not on disk yet; broken files are left out.

    Where they are kept is told through `log`. Raises FextError when the mode that was asked for has no room.
    """
    stored = request.stored
    mode = choose_mode(request.mode, request.bytes, stored, request.limit_gb, log)
    if mode == "disk":
        cache = _open_stored(stored, request.size)
        if cache is None:
            shutil.rmtree(stored, ignore_errors=True)
            make_room(request.bytes, stored, request.limit_gb, log)
            _store(stored, request, report)
            cache = _open_stored(stored, request.size)
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
    pixels = np.empty((len(request.files), *request.size.shape), np.uint8) if mode == "ram" else None
    for image in _read_all(request, report):
        if pixels is not None and image.pixels is not None:
            pixels[len(cache.paths)] = image.pixels
        cache.add(image)
    if pixels is None:
        cache.reader = lambda path: read_again(request, path)
    else:
        cache.pixels = pixels[: len(cache.paths)]
    return cache


def _told(request: PixelRequest) -> str:
    height, width, _ = request.size.shape
    return f"resized images, {width}x{height}, {request.bytes / 1e6:.1f} MB,"


def _read_all(request: PixelRequest, report: Report) -> Iterator[ReadImage]:
    paths = [file.path for file in request.files]
    images = read_images(request.root, paths, request.size, request.threads)
    for done, image in enumerate(images, start=1):
        yield image
        report(done, len(paths))


def read_again(request: PixelRequest, path: str) -> Pixels:
    """The pixels (H, W, C) of a file that was usable before; raises FextError when it is not any more."""
    image = read_image(request.root, path, request.size)
    if image.pixels is None:
        raise FextError(
            f"{path} could be read when the training began, and cannot now: {image.reason}",
            "put it back, then `fext resume` the run",
        )
    return image.pixels


def _store(stored: Path, request: PixelRequest, report: Report) -> None:
    """Write a cache; the folder appears under its name only when it is whole."""
    with atomic_folder(stored) as folder:
        rows: list[tuple[object, ...]] = []
        with RowWriter(folder / "pixels.npy", request.size.shape, np.dtype(np.uint8)) as writer:
            for image in _read_all(request, report):
                if image.pixels is not None:
                    writer.write(image.pixels[None])
                rows.append((image.path, image.digest, image.status, image.reason))
        write_csv(folder / "index.csv", _INDEX_HEADER, rows)


def _open_stored(stored: Path, size: ImageSize) -> PixelCache | None:
    """The cache in a folder, or None when there is none or it has been damaged."""
    cache = PixelCache()
    try:
        with (stored / "index.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                cache.add(
                    ReadImage(row["path"], None, row["digest"], status=row["status"], reason=row["reason"])
                )
        shape = (len(cache.paths), *size.shape)
        cache.pixels = map_rows(stored / "pixels.npy", shape, np.dtype(np.uint8)) if cache.paths else None
    except (OSError, ValueError, KeyError, csv.Error):
        return None
    return cache
