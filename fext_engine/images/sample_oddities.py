"""What is wrong or unusual in the sample dataset, on purpose: one file for each thing that real folders hold."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from PIL import Image

from fext_engine.images.sample_pictures import (
    Pixels,
    draw_clouds,
    draw_flowers,
    draw_shapes,
    draw_stripes,
    draw_sunset,
)

SIZE = 160, 160


def encode(pixels: Pixels, file_format: str, **options: Any) -> bytes:
    """Encode uint8 pixels, (H, W, 3) RGB or (H, W) grey, as a file of `file_format` with Pillow's options."""
    return _save(Image.fromarray(pixels), file_format, **options)


def odd_files(rng: np.random.Generator) -> Iterator[tuple[str, bytes, str]]:
    """Yield (relative path, content, what is odd about it)."""
    yield from _broken(rng)
    yield from _hard_to_see(rng)
    yield from _copies(rng)
    yield from _unusual_formats(rng)
    yield from _odd_names(rng)
    yield from _odd_shapes(rng)


def _broken(rng: np.random.Generator) -> Iterator[tuple[str, bytes, str]]:
    whole = encode(draw_shapes(rng, *SIZE), "JPEG")
    yield "shapes/truncated.jpg", whole[: len(whole) // 2], "truncated: the second half is missing"
    yield "clouds/zero_bytes.jpg", b"", "empty: no bytes"
    yield "flowers/text.jpg", b"This is a text, whatever its name says.\n", "not_an_image: text"
    damaged = bytearray(encode(draw_stripes(rng, *SIZE), "PNG"))
    damaged[len(damaged) // 2 : len(damaged) // 2 + 40] = bytes(40)
    yield "stripes/damaged.png", bytes(damaged), "corrupt: 40 bytes in the middle are overwritten"


def _hard_to_see(rng: np.random.Generator) -> Iterator[tuple[str, bytes, str]]:
    sunset, flowers = draw_sunset(rng, *SIZE), draw_flowers(rng, *SIZE)
    yield "sunsets/very_dark.jpg", encode(sunset // 12, "JPEG"), "very dark"
    bright = np.clip(sunset.astype(np.int16) * 2 + 120, 0, 255).astype(np.uint8)
    yield "sunsets/over_exposed.jpg", encode(bright, "JPEG"), "over-exposed"
    blurry = np.asarray(cv2.GaussianBlur(flowers, (0, 0), 6), np.uint8)
    yield "flowers/blurry.jpg", encode(blurry, "JPEG"), "blurry"
    noise = rng.integers(-90, 91, (*SIZE, 3))
    yield "flowers/noisy.jpg", encode(np.clip(flowers + noise, 0, 255).astype(np.uint8), "JPEG"), "noisy"
    yield (
        "clouds/blank.png",
        encode(np.full((*SIZE, 3), 128, np.uint8), "PNG"),
        "one grey value, no information",
    )
    grey = np.asarray(cv2.cvtColor(flowers, cv2.COLOR_RGB2GRAY), np.uint8)
    yield "flowers/grey.jpg", encode(grey, "JPEG"), "greyscale among colour"


def _copies(rng: np.random.Generator) -> Iterator[tuple[str, bytes, str]]:
    shapes, sunset = draw_shapes(rng, *SIZE), draw_sunset(rng, *SIZE)
    yield "shapes/original.png", encode(shapes, "PNG"), "has an exact copy, exact_copy.png"
    yield "shapes/exact_copy.png", encode(shapes, "PNG"), "the same bytes as original.png"
    yield "sunsets/original.jpg", encode(sunset, "JPEG", quality=92), "has a near copy, near_copy.jpg"
    half = np.asarray(cv2.resize(sunset, (80, 80), interpolation=cv2.INTER_AREA), np.uint8)
    yield "sunsets/near_copy.jpg", encode(half, "JPEG", quality=60), "original.jpg at half the size"


def _unusual_formats(rng: np.random.Generator) -> Iterator[tuple[str, bytes, str]]:
    clouds, shapes, sunset = draw_clouds(rng, *SIZE), draw_shapes(rng, *SIZE), draw_sunset(rng, 120, 180)
    deep = clouds[:, :, 1].astype(np.uint16) * 257
    yield "clouds/sixteen_bit.png", _save(Image.fromarray(deep), "PNG"), "16-bit grey"
    yield "clouds/cmyk.jpg", _save(Image.fromarray(clouds).convert("CMYK"), "JPEG"), "CMYK"
    palette = Image.fromarray(shapes).quantize(16)
    yield "shapes/palette.png", _save(palette, "PNG"), "palette of 16 colours"
    alpha = np.asarray(cv2.circle(np.zeros(SIZE, np.uint8), (80, 80), 70, 255, -1), np.uint8)
    yield "shapes/alpha.png", encode(np.dstack([shapes, alpha]), "PNG"), "transparent outside a disc"
    frames = [Image.fromarray(np.roll(shapes, step, axis=1)) for step in (0, 40, 80)]
    animated = _save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "shapes/animated.gif", animated, "three frames, of which the first one counts"
    turned = Image.Exif()
    turned[0x0112] = 6
    on_its_side = np.rot90(sunset).copy()
    yield (
        "sunsets/rotated_exif.jpg",
        encode(on_its_side, "JPEG", exif=turned),
        "upright only with its EXIF orientation",
    )
    yield "stripes/really_png.jpg", encode(draw_stripes(rng, *SIZE), "PNG"), "PNG content named .jpg"


def _odd_names(rng: np.random.Generator) -> Iterator[tuple[str, bytes, str]]:
    yield "shapes/[red]x.png", encode(draw_shapes(rng, *SIZE), "PNG"), "a name like a text style"
    if os.name != "nt":  # Windows allows no such name
        yield "clouds/two\nlines.jpg", encode(draw_clouds(rng, *SIZE), "JPEG"), "a line break in its name"


def _odd_shapes(rng: np.random.Generator) -> Iterator[tuple[str, bytes, str]]:
    yield "flowers/tiny.png", encode(draw_flowers(rng, 24, 24), "PNG"), "far smaller than the others"
    yield "clouds/panorama.jpg", encode(draw_clouds(rng, 96, 480), "JPEG"), "five times as wide as high"


def _save(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
