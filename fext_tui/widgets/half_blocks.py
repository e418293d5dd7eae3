"""Pixels as half-block characters: two pixels a cell, few bytes, in as many colours as the terminal has."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]
    Codes = npt.NDArray[np.int32]

Depth = Literal["truecolor", "256", "16", "none"]

_CUBE = (0, 95, 135, 175, 215, 255)
_STANDARD = (
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip
_BAYER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
_SHADES = " ░▒▓█"
FRAME_BYTES = 90_000
"""What a frame of a picture aims at."""
_SEQUENCE_BYTES = 45  # of one cell in two colours: two truecolor codes, a glyph, a reset
_STILL_STEPS = (8, 12, 16, 24)
_MOVING_STEPS = (8, 16, 24, 40, 64, 96, 128, 160, 200, 255)


def draw_pixels(
    pixels: Pixels, depth: Depth, *, moving: bool = False, frame_bytes: int = FRAME_BYTES
) -> list[Strip]:
    """Return H/2 lines of W cells that show `pixels`, uint8 (H, W, 3) with an even H.

    A frame aims at `frame_bytes`: neighbours that differ little become equal, so that they share one escape
    sequence, and they may differ the more the busier the picture is. A frame of a `moving` picture keeps to
    the aim whatever it costs; a still one loses no more than the eye hardly sees.
    """
    if depth == "truecolor" or moving:
        pixels = _merge_runs(pixels, _MOVING_STEPS if moving else _STILL_STEPS, frame_bytes)
    codes = encode_colours(pixels, depth, dither=not moving).tolist()
    return [cells_to_strip(codes[y], codes[y + 1], depth) for y in range(0, len(codes), 2)]


def _merge_runs(pixels: Pixels, steps: Sequence[int], frame_bytes: int) -> Pixels:
    """Return `pixels` in 5 bits a channel whose runs of alike cells are equal.

    Along a line a cell takes the colours of the cell before it when no channel differs by more than a
    tolerance: the first of `steps` that keeps the frame within its bytes, else the last.
    """
    import numpy as np

    kept = pixels >> 3
    kept = (kept << 3) | (kept >> 2)
    source = np.concatenate((kept[0::2], kept[1::2]), axis=-1).astype(np.int16)  # (H/2, W, upper and lower)
    cells = source
    for tolerance in steps:
        cells = source.copy()
        last = cells[:, 0]
        sequences = len(cells)
        for x in range(1, cells.shape[1]):
            far = np.abs(cells[:, x] - last).max(axis=-1) > tolerance
            last = np.where(far[:, None], cells[:, x], last)
            cells[:, x] = last
            sequences += int(np.count_nonzero(far))
        if sequences * _SEQUENCE_BYTES <= frame_bytes:
            break
    merged = np.empty_like(pixels)
    merged[0::2], merged[1::2] = cells[..., :3], cells[..., 3:]
    return merged


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
    shades: Codes = np.clip(light * (len(_SHADES) - 1) + threshold, 0, len(_SHADES) - 1).astype(np.int32)
    return shades


def _to_16(pixels: Pixels, threshold: Floats) -> Codes:
    """Return colour numbers 0..15: the nearest of the standard colours, green weighing most as in the eye."""
    import numpy as np

    weights = np.array((0.55, 0.8, 0.4), dtype=np.float32)
    spread = (pixels + _dither(pixels, threshold, 96)) * weights
    distance = (spread[..., None, :] - np.array(_STANDARD, dtype=np.float32) * weights) ** 2
    nearest: Codes = distance.sum(axis=-1).argmin(axis=-1).astype(np.int32)
    return nearest


def _to_256(pixels: Pixels, threshold: Floats) -> Codes:
    """Return colour numbers 16..255 of the xterm palette: the nearer of its 6x6x6 cube and its 24 greys.

    The dither moves all channels alike, so that it makes light and dark but no false hues.
    """
    import numpy as np

    value = np.clip(pixels + _dither(pixels, threshold, 32), 0, 255)
    levels = np.array(_CUBE, dtype=np.float32)
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


def cells_to_strip(top: Sequence[int], bottom: Sequence[int], depth: Depth) -> Strip:
    """Return one line of cells whose upper and lower halves have the colours `top` and `bottom`.

    Runs share one escape sequence: a cell made of the two colours of the sequence before it, in any
    arrangement, is drawn with the glyph that needs no new one.
    """
    if depth == "none":
        text = "".join(_SHADES[(a + b + 1) // 2] for a, b in zip(top, bottom, strict=True))
        return Strip([Segment(text)], len(text))
    segments: list[Segment] = []
    glyphs: list[str] = []
    over = under = -1
    for a, b in zip(top, bottom, strict=True):
        if a == over and b == under:
            glyphs.append("▀")
        elif a == b == under:
            glyphs.append(" ")
        elif a == b == over:
            glyphs.append("█")
        elif a == under and b == over:
            glyphs.append("▄")
        else:
            if glyphs:
                segments.append(Segment("".join(glyphs), cell_style(over, under, depth)))
            over, under = (-1, b) if a == b else (a, b)
            glyphs = [" " if a == b else "▀"]
    if glyphs:
        segments.append(Segment("".join(glyphs), cell_style(over, under, depth)))
    return Strip(segments, len(top))


@lru_cache(maxsize=32768)
def cell_style(over: int, under: int, depth: Depth) -> Style:
    """Return the style with `over` (-1: none needed) as foreground and `under` as background."""
    return Style.from_color(None if over < 0 else _colour(over, depth), _colour(under, depth))


@lru_cache(maxsize=32768)
def _colour(code: int, depth: Depth) -> Color:
    """Return the colour `code`; palette colours carry their number, so that no filter moves them."""
    if depth == "truecolor":
        return Color.from_rgb(code >> 16, code >> 8 & 255, code & 255)
    if depth == "16":
        return Color(f"color({code})", ColorType.STANDARD, code, ColorTriplet(*_STANDARD[code]))
    if code >= 232:
        triplet = ColorTriplet(*(3 * (8 + 10 * (code - 232),)))
    else:
        n = code - 16
        triplet = ColorTriplet(_CUBE[n // 36], _CUBE[n // 6 % 6], _CUBE[n % 6])
    return Color(f"color({code})", ColorType.EIGHT_BIT, code, triplet)


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
