"""Everything about one image file from one read and one decode; runs inside the worker processes."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fext_engine.images.decode import Decoded, content_digest, decode_image, read_file
from fext_engine.images.faults import DecodeError
from fext_engine.images.findings import Examined, Task
from fext_engine.images.scan import image_path
from fext_engine.images.statistics import measure_image
from fext_engine.images.thumbnails import make_thumbnail


def examine(root: str | Path, task: Task) -> Examined:
    """Read, decode and measure one file; every failure becomes a status with its reason."""
    path = image_path(root, task.path)
    digest = ""
    try:
        data = read_file(path)
        digest = content_digest(data)
        return _describe(task, digest, decode_image(path, data=data))
    except DecodeError as error:
        return Examined(task.id, task.path, error.kind, error.reason, digest)
    except MemoryError:
        return Examined(task.id, task.path, "bomb", "there is not enough memory to measure it", digest)


def _describe(task: Task, digest: str, image: Decoded) -> Examined:
    measured = measure_image(image.pixels)
    return Examined(
        task.id, task.path, "ok", "", digest, image.format, image.mode, image.bit_depth, image.width, image.height,
        image.orientation, image.frames, image.alpha_share, "; ".join(image.notes), tuple(measured.values.tolist()),
        f"{measured.perceptual_hash:016x}", pack_histogram(measured.histogram), make_thumbnail(image.pixels),
    )  # fmt: skip


def pack_histogram(histogram: npt.NDArray[np.uint32]) -> bytes:
    """Compress a (3, 256) histogram: zlib of little-endian uint32."""
    return zlib.compress(histogram.astype("<u4").tobytes(), 1)


def unpack_histogram(packed: bytes) -> npt.NDArray[np.uint32]:
    """Return the (3, 256) uint32 histogram of red, green and blue that `pack_histogram` compressed."""
    size = 3 * 256 * 4
    return np.frombuffer(zlib.decompressobj().decompress(packed, size), "<u4", 3 * 256).reshape(3, 256)
