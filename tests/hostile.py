"""Builds a folder of everything that real image folders hold and that breaks tools, for any test that reads images."""

from __future__ import annotations

import io
import os
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fext_engine.paths import escape_name

HEIGHT, WIDTH = 48, 72
BYTE_NAMES = sys.platform.startswith("linux")  # elsewhere the file system refuses names that are not UTF-8


def build_hostile_folder(root: Path) -> dict[str, str]:
    """Fill the folder `root` and return {escaped relative path: expected status} of every image in it.

    The status is `ok` or a kind of `fext_engine.images.faults.FAILURES`. Besides the images the folder holds
    what a scan must pass over: hidden files, other suffixes, and a loop of links.
    """
    expected: dict[str, str] = {}

    def put(name: str | bytes, content: bytes, status: str) -> None:
        text = os.fsdecode(name)
        path = root / text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        expected[escape_name(text)] = status

    _usable(put)
    _broken(put)
    _odd_names(put)
    _distractions(root)
    if os.name != "nt":
        (root / "dead_link.jpg").symlink_to(root / "nowhere.jpg")
        expected["dead_link.jpg"] = "unreadable"
        os.mkfifo(root / "pipe.jpg")
        expected["pipe.jpg"] = "unreadable"
    return expected


def picture(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A smooth picture that JPEG keeps well, uint8 (height, width, 3); its corners differ, so turning shows."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = [
        rng.uniform(0.1, 0.9) + 0.2 * np.sin(rng.uniform(2, 6) * x + rng.uniform(2, 6) * y) for _ in range(3)
    ]
    pixels = np.clip(np.stack(planes, axis=2) * 255, 20, 235).astype(np.uint8)
    pixels[: height // 4, : width // 4] = (230, 30, 30)
    return pixels


def encode(pixels: np.ndarray | Image.Image, file_format: str, **options: Any) -> bytes:
    """A file's bytes; `options` go to Pillow."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def deep_grey(seed: int = 0) -> np.ndarray:
    """A 16-bit grey ramp whose mean is 108 when it is scaled to 8 bits, uint16."""
    ramp = np.linspace(0, 2 * 108 * 257, HEIGHT * WIDTH)
    return np.random.default_rng(seed).permutation(ramp).reshape(HEIGHT, WIDTH).astype(np.uint16)


def orientation(value: int) -> Image.Exif:
    """EXIF that says how the camera was held."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def bomb_png(width: int, height: int) -> bytes:
    """A tiny PNG whose header promises width x height pixels."""
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def _usable(put: Any) -> None:
    for i in range(4):
        put(f"plain/photo_{i}.jpg", encode(picture(i), "JPEG"), "ok")
    put("plain/photo.Jpg", encode(picture(4), "JPEG"), "ok")
    put("plain/photo.PNG", encode(picture(5), "PNG"), "ok")
    for suffix, name in (("bmp", "BMP"), ("tif", "TIFF"), ("webp", "WEBP"), ("gif", "GIF"), ("avif", "AVIF")):
        put(f"formats/photo.{suffix}", encode(picture(6), name), "ok")
    put("modes/rotated.jpg", encode(picture(7), "JPEG", exif=orientation(6)), "ok")
    put("modes/orientation_0.jpg", encode(picture(7), "JPEG", exif=orientation(0)), "ok")
    put("modes/cmyk.jpg", encode(Image.fromarray(picture(8)).convert("CMYK"), "JPEG"), "ok")
    put("modes/grey.png", encode(picture(8)[:, :, 1], "PNG"), "ok")
    put("modes/deep_grey.png", encode(deep_grey(), "PNG"), "ok")
    put("modes/deep_grey.tif", encode(deep_grey(), "TIFF"), "ok")
    put("modes/integers.tif", encode(deep_grey().astype(np.int32), "TIFF"), "ok")
    put("modes/floats.tif", encode((deep_grey() / 65535).astype(np.float32), "TIFF"), "ok")
    put("modes/palette.png", encode(Image.fromarray(picture(9)).quantize(16), "PNG"), "ok")
    palette = Image.fromarray(picture(9)).quantize(16)
    put("modes/palette_transparent.png", encode(palette, "PNG", transparency=0), "ok")
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, : WIDTH // 2] = 0
    put("modes/alpha.png", encode(np.dstack([picture(10), alpha]), "PNG"), "ok")
    put("modes/bilevel.png", encode(Image.fromarray(picture(10)).convert("1"), "PNG"), "ok")
    frames = [Image.fromarray(picture(i)) for i in range(3)]
    put("modes/animated.gif", encode(frames[0], "GIF", save_all=True, append_images=frames[1:]), "ok")
    put("modes/really_a_png.jpg", encode(picture(11), "PNG"), "ok")
    put("modes/one_pixel.png", encode(picture(12)[:1, :1], "PNG"), "ok")
    put("modes/one_row.png", encode(picture(12)[:1], "PNG"), "ok")
    put("top_level.jpg", encode(picture(13), "JPEG"), "ok")


def _broken(put: Any) -> None:
    jpeg, png = encode(picture(20), "JPEG"), encode(picture(20), "PNG")
    put("broken/empty.jpg", b"", "empty")
    put("broken/text.jpg", b"not an image at all\n", "not_an_image")
    put("broken/page.png", b"<!DOCTYPE html><html>404</html>", "not_an_image")
    put("broken/random.jpg", np.random.default_rng(1).bytes(4000), "not_an_image")
    put("broken/truncated.jpg", jpeg[: len(jpeg) // 2], "truncated")
    put("broken/header_only.jpg", jpeg[:30], "truncated")
    put("broken/truncated.png", png[: len(png) // 2], "truncated")
    put("broken/truncated.webp", encode(picture(20), "WEBP")[:200], "truncated")
    damaged = bytearray(png)
    damaged[len(png) // 2 : len(png) // 2 + 20] = bytes(20)
    put("broken/damaged.png", bytes(damaged), "corrupt")
    put("broken/zeros.jpg", bytes(2000), "corrupt")
    put("broken/bomb.png", bomb_png(60_000, 60_000), "bomb")
    put("broken/heic.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "unsupported")
    put("broken/document.png", b"%PDF-1.7\n", "unsupported")


def _odd_names(put: Any) -> None:
    content = encode(picture(30), "JPEG")
    put("names/[red]x.png", encode(picture(30), "PNG"), "ok")
    put("[/red].png", encode(picture(31), "PNG"), "ok")
    put("names/ümläut 漢字 🙂.jpg", content, "ok")
    put("names/-rf.jpg", content, "ok")
    put("names/" + "long" * 50 + ".jpg", content, "ok")
    if os.name == "nt":
        return
    put("names/a\nb.jpg", content, "ok")
    put("names/back\\slash.jpg", content, "ok")
    put("names/\x1b[31mred.jpg", content, "ok")
    put("names/right\u202eto left.jpg", content, "ok")
    put("names/star*?.jpg", content, "ok")
    put('names/quo"te, comma;.jpg', content, "ok")
    if BYTE_NAMES:
        put(b"names/caf\xe9.jpg", content, "ok")


def _distractions(root: Path) -> None:
    (root / "notes.txt").write_text("not an image by its name")
    (root / ".hidden.jpg").write_bytes(encode(picture(40), "JPEG"))
    (root / ".cache").mkdir()
    (root / ".cache" / "thumb.jpg").write_bytes(encode(picture(40), "JPEG"))
    (root / "folder.jpg").mkdir()
    if os.name != "nt":
        (root / "plain" / "loop").symlink_to(root, target_is_directory=True)
