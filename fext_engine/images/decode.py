"""The one way FeXT turns a file into pixels: for analysis, training, encoding, preview and viewer alike."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import (  # with a list of formats, Image.open expects their plugins to be there
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from fext_engine.images.faults import DecodeError, broken, suffix_notes, unidentified, unreadable
from fext_engine.images.pixels import FORMATS, TURNED, Flattened, bit_depth, flatten, orientation_of, upright

MAX_PIXELS = 178_956_970
"""The most pixels that are decoded; judged by the header, before any memory is taken. Pillow's own limit."""

MAX_BYTES = 1 << 30
"""The largest file that is read."""

assert not ImageFile.LOAD_TRUNCATED_IMAGES  # half an image must be an error, not grey bars
# MAX_PIXELS decides here, and damaged metadata is no one's concern as long as the pixels are good.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", module=r"PIL\.")

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a file says about its image."""

    width: int
    """Pixels, upright: after the EXIF orientation."""
    height: int
    format: str
    mode: str
    """Pillow's name of the file's own colour mode, such as `CMYK` or `P`."""
    bit_depth: int
    orientation: int
    """The EXIF orientation that was applied, 1 to 8."""
    frames: int
    alpha_share: float
    """Share of the pixels that are not opaque, 0 to 1; known after decoding, 0 before."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decoded(ImageInfo):
    """An image in memory."""

    pixels: Pixels
    """uint8, 0 to 255: (H, W, 3) RGB, or (H, W) BT.601 grey when that was asked for."""


def read_file(path: str | Path) -> bytes:
    """Return a file's bytes; raises DecodeError (`empty`, `unreadable`, `bomb`)."""
    try:
        status = os.stat(path)  # noqa: PTH116 - on the training's path, where Path costs
        if not stat.S_ISREG(status.st_mode):  # opening a named pipe would wait for ever
            raise DecodeError("unreadable", "not a regular file")
        if status.st_size > MAX_BYTES:
            raise DecodeError("bomb", f"{status.st_size:,} bytes; {MAX_BYTES:,} are read at most")
        with open(path, "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError as error:
        raise unreadable(error) from error
    except ValueError as error:  # a null byte in the name
        raise DecodeError("unreadable", str(error)) from error
    if not data:
        raise DecodeError("empty", "the file has no bytes")
    return data


def content_digest(data: bytes) -> str:
    """What tells one file's content from another's everywhere in FeXT: SHA-256, in hexadecimal, as `sha256sum`."""
    return hashlib.sha256(data).hexdigest()


def read_info(path: str | Path, data: bytes | None = None) -> ImageInfo:
    """Return what the header says, without decoding; raises DecodeError as `decode_image` does.

    `data` are the file's bytes, where they were read already.

    A PNG that keeps its EXIF behind the pixels counts as upright here: finding it means decoding.
    """
    data = read_file(path) if data is None else data
    image, start = _open(data)
    unknown = image.format == "PNG" and "exif" not in image.info
    orientation = 1 if unknown else orientation_of(image)
    width, height = image.size
    if orientation in TURNED and image.format != "TIFF":  # Pillow gives a TIFF's size upright already
        width, height = height, width
    file_format = image.format or ""
    return ImageInfo(
        width=width, height=height, format=file_format, mode=image.mode, bit_depth=bit_depth(image, start),
        orientation=orientation, frames=_frames(image, data), alpha_share=0.0, notes=suffix_notes(path, file_format),
    )  # fmt: skip


def decode_image(path: str | Path, *, grayscale: bool = False, data: bytes | None = None) -> Decoded:
    """Decode frame 0 of a file at full size: upright, 8-bit, transparency laid on BACKGROUND.

    `data` are the file's bytes when the caller has read them already. The colours are the file's numbers:
    embedded colour profiles are not applied. Raises DecodeError with the kind and the reason.
    """
    data = read_file(path) if data is None else data
    image, start = _open(data)
    file_format, mode, depth, frames = image.format or "", image.mode, bit_depth(image, start), _frames(image, data)
    loaded = _load_upright(image, depth)
    pixels = np.asarray(_in_mode(loaded.image, "L" if grayscale else "RGB"))
    return Decoded(
        width=loaded.image.width, height=loaded.image.height, format=file_format, mode=mode, bit_depth=depth,
        orientation=loaded.orientation, frames=frames, alpha_share=loaded.alpha_share,
        notes=(*loaded.notes, *suffix_notes(path, file_format)), pixels=pixels,
    )  # fmt: skip


def decode_resized(
    path: str | Path, height: int, width: int, grayscale: bool = False, data: bytes | None = None
) -> Pixels:
    """Decode straight to (height, width, C) uint8 with C = 1 (grey) or 3 (RGB); the shape is stretched to fit.

    A JPEG of more than twice the wanted size is decoded at 1/2, 1/4 or 1/8, never below twice the wanted
    size; that stays within about 40 dB of the full decode, better than the JPEG itself. The resize averages
    with antialiasing (Pillow's BILINEAR, whose filter grows with the reduction). Raises DecodeError as
    `decode_image` does.
    """
    image, start = _open(read_file(path) if data is None else data)
    if image.format in ("JPEG", "MPO"):
        turned = orientation_of(image) in TURNED
        image.draft(image.mode, (2 * height, 2 * width) if turned else (2 * width, 2 * height))
    loaded = _load_upright(image, bit_depth(image, start))
    coloured = _in_mode(loaded.image, "L" if grayscale else "RGB")
    pixels = np.asarray(coloured.resize((width, height), Image.Resampling.BILINEAR))
    return pixels[:, :, None] if grayscale else pixels


def _open(data: bytes) -> tuple[Image.Image, bytes]:
    """Read the header and judge the size; returns the image and the file's first bytes."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DecodeError("bomb", f"over the limit of {MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise unidentified(data) from error
    except Exception as error:  # a decoder's own complaint about the header, of any type
        raise broken(error, data) from error
    if image.width * image.height > MAX_PIXELS:
        raise DecodeError("bomb", f"{image.width} x {image.height} pixels; the limit is {MAX_PIXELS:,}")
    if image.format == "TIFF" and not _is_covered(image):  # Pillow would leave the rest black
        raise DecodeError("truncated", "the file names fewer strips than its image has")
    return image, data[:32]


def _is_covered(image: Image.Image) -> bool:
    """Whether the parts that a TIFF names reach to its image's lower right corner."""
    ends = [tile[1][2:] for tile in getattr(image, "tile", ()) if tile[1] is not None]
    width, height = image.size[::-1] if orientation_of(image) in TURNED else image.size
    return any(right >= width and bottom >= height for right, bottom in ends)


def _load_upright(image: Image.Image, depth: int) -> Flattened:
    """Decode an opened image to upright 8-bit RGB or L."""
    early = 1 if image.format == "PNG" else orientation_of(image)  # a TIFF forgets it while it loads
    try:
        image.load()
    except Image.DecompressionBombError as error:
        raise DecodeError("bomb", str(error)) from error
    except Exception as error:  # zlib, struct, syntax, value ... decoders raise what they like
        raise broken(error) from error
    orientation = orientation_of(image) if image.format == "PNG" else early
    try:
        flat = flatten(image, depth)
    except (ValueError, KeyError) as error:
        raise DecodeError("unsupported", f"mode {image.mode}: {error}") from error
    if image.format != "TIFF":  # Pillow has turned a TIFF already
        flat.image = upright(flat.image, orientation)
    flat.orientation = orientation
    return flat


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)  # converting to the same mode is a copy


def _frames(image: Image.Image, data: bytes) -> int:
    if image.format == "TIFF":
        return _tiff_pages(data)
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # an animation that breaks off later still has its first frame
        return 1


def _tiff_pages(data: bytes) -> int:
    """How many pages a TIFF has, by the chain of its directories; Pillow takes time with the square of their number."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    big = data[2:4] in (b"+\0", b"\0+")
    start, count_bytes, entry, offset_bytes = (8, 8, 20, 8) if big else (4, 2, 12, 4)
    seen: set[int] = set()
    at = int.from_bytes(data[start : start + offset_bytes], order)
    while 0 < at < len(data) and at not in seen:
        seen.add(at)
        following = at + count_bytes + entry * int.from_bytes(data[at : at + count_bytes], order)
        at = int.from_bytes(data[following : following + offset_bytes], order)
    return max(1, len(seen))
