"""Pixels as half-block characters: two pixels a cell, few bytes, in as many colours as the terminal has."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

from fext_tui.widgets.pixel_strip import CUBE, SHADES, STANDARD, Depth, PixelStrip, cells_to_strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]
    Codes = npt.NDArray[np.int32]

_BAYER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
FRAME_BYTES = 90_000
"""What a frame of a picture aims at."""
_GLYPH_BYTES, _CHANGE_BYTES = 2.9, 18.0  # of a cell, and of a pixel unlike the one at its left; frames stay below it
_STILL_STEPS = (8, 12, 16, 24)
_MOVING_STEPS = (8, 16, 24, 40, 64, 96, 128, 160, 200, 255)


def draw_pixels(
    pixels: Pixels, depth: Depth, *, moving: bool = False, frame_bytes: int = FRAME_BYTES
) -> list[PixelStrip]:
    """Return H/2 lines of W cells that show `pixels`, uint8 (H, W, 3) with an even H.

    A frame aims at `frame_bytes`: neighbours that differ little become equal, so that no escape sequence
    is needed between them, and they may differ the more the busier the picture is. A frame of a `moving`
    picture keeps to the aim whatever it costs; a still one loses no more than the eye hardly sees.
    """
    if depth == "truecolor" or moving:
        pixels = _merge_runs(pixels, _MOVING_STEPS if moving else _STILL_STEPS, frame_bytes)
    codes = encode_colours(pixels, depth, dither=not moving).tolist()
    return [cells_to_strip(codes[y], codes[y + 1], depth) for y in range(0, len(codes), 2)]


def _merge_runs(pixels: Pixels, steps: Sequence[int], frame_bytes: int) -> Pixels:
    """Return `pixels` in 5 bits a channel whose runs of alike pixels are equal.

    The tolerance is the first of `steps` that keeps the frame within its bytes, else the last.
    """
    import numpy as np

    kept = pixels >> 3
    kept = (kept << 3) | (kept >> 2)
    columns = np.ascontiguousarray(kept.swapaxes(0, 1)).astype(np.int16)
    height, width = pixels.shape[:2]
    changes = (frame_bytes - _GLYPH_BYTES * width * height / 2) / _CHANGE_BYTES
    merged: dict[int, _Merged] = {}

    def fits(tolerance: int) -> bool:
        merged[tolerance] = _merge(columns, tolerance)
        return bool(merged[tolerance].changes <= changes)

    chosen = steps[bisect_left(steps[:-1], True, key=fits)]
    if chosen not in merged:
        merged[chosen] = _merge(columns, chosen)
    return np.ascontiguousarray(merged[chosen].columns.swapaxes(0, 1)).astype(np.uint8)


class _Merged(NamedTuple):
    """Columns of pixels, and how many differ from the one at their left; those of the first column all do."""

    columns: npt.NDArray[np.int16]
    changes: int


def _merge(columns: npt.NDArray[np.int16], tolerance: int) -> _Merged:
    """Give each pixel the colour of the one at its left when no channel differs by more than `tolerance`."""
    import numpy as np

    merged = columns.copy()
    last, changes = merged[0], len(merged[0])
    for column in merged[1:]:
        far = np.abs(column - last).max(axis=-1) > tolerance
        np.copyto(column, last, where=~far[:, None])
        changes += int(np.count_nonzero(far))
        last = column
    return _Merged(merged, changes)


def encode_colours(pixels: Pixels, depth: Depth, *, dither: bool = True) -> Codes:
    """Return one integer a pixel that names its colour in `depth`: int32 (H, W) for uint8 (H, W, 3).

    truecolor: 0xRRGGBB; 256 and 16: the terminal's colour number, after ordered dithering where `dither`;
    none: a shade 0..4 of the block characters.
    """
    import numpy as np

    if depth == "truecolor":
        wide = pixels.astype(np.int32)
        return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    height, width = pixels.shape[:2]
    pattern: Floats = np.array(_BAYER if dither else ((7.5,),), dtype=np.float32)
    rows, columns = np.arange(height) % len(pattern), np.arange(width) % len(pattern)
    threshold: Floats = (pattern[np.ix_(rows, columns)] + np.float32(0.5)) / np.float32(16)
    if depth == "256":
        return _to_256(pixels, threshold)
    if depth == "16":
        return _to_16(pixels, threshold)
    light = pixels @ np.array((0.299, 0.587, 0.114)) / 255
    shades: Codes = np.clip(light * (len(SHADES) - 1) + threshold, 0, len(SHADES) - 1).astype(np.int32)
    return shades


def _to_16(pixels: Pixels, threshold: Floats) -> Codes:
    """Return colour numbers 0..15: the nearest of the standard colours, green weighing most as in the eye."""
    import numpy as np

    weights = np.array((0.55, 0.8, 0.4), dtype=np.float32)
    spread = (pixels + _dither(pixels, threshold, 96)) * weights
    distance = (spread[..., None, :] - np.array(STANDARD, dtype=np.float32) * weights) ** 2
    nearest: Codes = distance.sum(axis=-1).argmin(axis=-1).astype(np.int32)
    return nearest


def _to_256(pixels: Pixels, threshold: Floats) -> Codes:
    """Return colour numbers 16..255 of the xterm palette: the nearer of its 6x6x6 cube and its 24 greys.

    The dither moves all channels alike, so that it makes light and dark but no false hues.
    """
    import numpy as np

    value = np.clip(pixels + _dither(pixels, threshold, 32), 0, 255)
    levels = np.array(CUBE, dtype=np.float32)
    step = np.searchsorted((levels[1:] + levels[:-1]) / 2, value)
    to_cube = ((levels[step] - value) ** 2).sum(axis=-1)
    value = pixels + _dither(pixels, threshold, 10)  # the greys are closer to each other than the cube's colours
    ramp = np.clip(np.rint((value.mean(axis=-1) - 8) / 10), 0, 23)
    to_grey = ((8 + 10 * ramp[..., None] - value) ** 2).sum(axis=-1)
    cube = 16 + 36 * step[..., 0] + 6 * step[..., 1] + step[..., 2]
    nearest: Codes = np.where(to_grey < to_cube, 232 + ramp, cube).astype(np.int32)
    return nearest


def _dither(pixels: Pixels, threshold: Floats, strength: float) -> Floats:
    """Return what is added to each pixel; less near black and white, so that plain paper stays plain."""
    import numpy as np

    light = pixels.mean(axis=-1, dtype=np.float32)
    room = np.minimum(light, 255 - light) * 2
    added: Floats = ((threshold - 0.5) * np.minimum(strength, room))[..., None]
    return added


def depth_of(app: Any) -> Depth:
    """Return how many colours the terminal of a Textual `app` shows."""
    if app.no_color and app.native_ansi_color:
        return "none"
    depths: dict[str | None, Depth] = {
        "truecolor": "truecolor",
        "256": "256",
        "standard": "16",
        "windows": "16",
    }
    return depths.get(app.console.color_system, "truecolor")
