"""From whatever mode a file holds to upright 8-bit RGB: depth, palettes, transparency, orientation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

# Others, such as PostScript, would start foreign programs on a file that is merely named .jpg.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "AVIF")

BACKGROUND = (255, 255, 255)
"""What shows through transparent pixels: white, as on a page. One rule for analysis, training and preview."""

ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNED = frozenset({5, 6, 7, 8})
"""Orientations that swap width and height."""

_WIDE_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_PNG_DEPTH_AT = 24  # offset of the bit depth in a PNG's first chunk, IHDR
_TIFF_BITS_TAG = 258


@dataclass(slots=True)
class Flattened:
    """An 8-bit image of mode RGB or L, and what was done to get there."""

    image: Image.Image
    alpha_share: float
    """Share of the pixels that are not fully opaque, 0 to 1."""
    notes: tuple[str, ...]
    orientation: int = 1
    """The EXIF orientation that has been applied."""


def bit_depth(image: Image.Image, start: bytes) -> int:
    """Bits of one channel in the file; `start` is its first 32 bytes. Pillow widens or narrows most to 8."""
    if image.format == "PNG" and len(start) > _PNG_DEPTH_AT:
        return start[_PNG_DEPTH_AT]
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS_TAG, (1,))
        return int(max(bits)) if isinstance(bits, tuple) else int(bits)
    return {"1": 1, "I": 32, "F": 32}.get(image.mode, 16 if image.mode.startswith("I;16") else 8)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; anything else, or EXIF that cannot be read, counts as 1 (upright)."""
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except (
        Exception
    ):  # Pillow's EXIF readers raise nearly anything on damaged blocks; the pixels are still good
        return 1
    return value if isinstance(value, int) and value in _TRANSPOSE else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn and mirror `image` as its EXIF orientation says."""
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image


def flatten(image: Image.Image, depth: int) -> Flattened:
    """Return a loaded image as 8-bit RGB, or L where the file is grey without transparency.

    16-bit grey is scaled by its full range instead of clipped; transparent pixels lie on BACKGROUND.
    `depth` is the result of `bit_depth`. Raises ValueError for a mode that has no conversion.
    """
    if image.mode in _WIDE_MODES:
        return _narrow(image, depth)
    if image.has_transparency_data:
        return _composite(image)
    if image.mode in ("L", "RGB"):
        return Flattened(image, 0.0, ())
    if image.mode in ("1", "LA", "La"):
        return Flattened(image.convert("L"), 0.0, ())
    if image.mode == "LAB":
        raise ValueError("Lab colour; convert it to RGB")
    return Flattened(image.convert("RGB"), 0.0, ())


def _composite(image: Image.Image) -> Flattened:
    coloured = image.convert("RGBA")
    alpha = coloured.getchannel("A")
    opaque = alpha.histogram()[255]
    share = 1.0 - opaque / max(1, alpha.width * alpha.height)
    if share == 0.0:
        return Flattened(coloured.convert("RGB"), 0.0, ())
    page = Image.new("RGB", image.size, BACKGROUND)
    page.paste(coloured, mask=alpha)
    return Flattened(page, share, ("transparent pixels laid on white",))


def _narrow(image: Image.Image, depth: int) -> Flattened:
    """Scale wide grey values to 8 bits by the range of their depth.

    32-bit integers and floats have no fixed range: the smallest of 1 (floats), 255 (floats) and 65535 that
    holds the largest value is taken for white, else the largest value itself.
    """
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        white = float((1 << depth) - 1) if 8 < depth <= 16 else 65535.0
    else:
        with np.errstate(invalid="ignore"):  # a signalling NaN is one as well
            values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        largest = float(values.max(initial=0.0))
        ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
        white = next((r for r in ranges if largest <= r), largest)
    # float32 holds 16-bit values exactly; the half makes astype round instead of cut
    scaled = np.clip(values.astype(np.float32) * np.float32(255.0 / white) + np.float32(0.5), 0, 255)
    grey = Image.fromarray(scaled.astype(np.uint8))
    return Flattened(grey, 0.0, (f"{depth}-bit values scaled by {white:g}",))
