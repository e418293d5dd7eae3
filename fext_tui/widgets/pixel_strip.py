"""A line of half-block cells that carries its escape sequences ready to send: as few bytes as the cells allow."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.color import Color, ColorSystem, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.filter import LineFilter

Depth = Literal["truecolor", "256", "16", "none"]

CUBE = (0, 95, 135, 175, 215, 255)
STANDARD = (
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip
SHADES = " ░▒▓█"
_SYSTEMS = {
    "truecolor": ColorSystem.TRUECOLOR,
    "256": ColorSystem.EIGHT_BIT,
    "16": ColorSystem.STANDARD,
    "none": ColorSystem.STANDARD,
}


class PixelStrip(Strip):
    """A strip that is sent as it is: its segments are made when Textual cuts it, as under a dialog, else never.

    Filters leave it alone: its colours are the terminal's own, and pictures are made grey before they are drawn.
    """

    __slots__ = ("_build", "_built")

    def __init__(self, sequences: str, build: Callable[[], list[Segment]], cell_length: int) -> None:
        self._build = build
        super().__init__((), cell_length)
        self._built: list[Segment] | None = None
        self._render_cache = sequences

    @property
    def _segments(self) -> list[Segment]:
        if self._built is None:
            self._built = self._build()
        return self._built

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        self._built = segments

    def apply_filter(self, filter: LineFilter, background: object) -> Strip:
        """Return the strip as it is."""
        return self

    @property
    def sequences(self) -> str:
        """What is sent to the terminal."""
        return self._render_cache or ""


def blank_strip(width: int, style: Style, depth: Depth) -> PixelStrip:
    """Return cells without a picture."""
    text = " " * width
    sequences = Strip.render_style(style, text, _SYSTEMS[depth]) if width else ""
    return PixelStrip(sequences, lambda: [Segment(text, style)], width)


def join_strips(strips: Iterable[PixelStrip]) -> PixelStrip:
    """Return strips one after the other as one."""
    parts = [strip for strip in strips if strip.cell_length]
    return PixelStrip(
        "".join(part.sequences for part in parts),
        lambda: [segment for part in parts for segment in part],
        sum(part.cell_length for part in parts),
    )


class _Run(NamedTuple):
    """Cells with one foreground and one background; None where the terminal's own is as good."""

    text: str
    over: int | None
    under: int | None


def cells_to_strip(top: Sequence[int], bottom: Sequence[int], depth: Depth) -> PixelStrip:
    """Return one line of cells whose upper and lower halves have the colours `top` and `bottom`.

    A cell takes the glyph that needs the fewest changes of colour: an upper or a lower half, or a full or empty one.
    """
    if depth == "none":
        shades = "".join(SHADES[(a + b + 1) // 2] for a, b in zip(top, bottom, strict=True))
        return PixelStrip(shades, lambda: [Segment(shades)], len(shades))
    runs, sequences = _find_runs(top, bottom, _codes_of(depth))
    return PixelStrip(sequences, lambda: [_segment(run, depth) for run in runs], len(top))


def _find_runs(
    top: Sequence[int], bottom: Sequence[int], codes: tuple[Callable[[int], str], Callable[[int], str]]
) -> tuple[list[_Run], str]:
    """Return the runs of a line, and the sequences that draw them: each names only what it changes."""
    foreground, background = codes
    runs: list[_Run] = []
    parts: list[str] = []
    text = ""
    over: int | None = None
    under: int | None = None
    for (a, b), cells in groupby(zip(top, bottom, strict=True)):
        count = len(list(cells))
        if a == b:
            if a == under:
                text += " " * count
                continue
            if a == over:
                text += "█" * count
                continue
            fore, back, glyph = over, a, " "
        elif (a == over) + (b == under) >= (b == over) + (a == under):
            fore, back, glyph = a, b, "▀"
        else:
            fore, back, glyph = b, a, "▄"
        if fore != over or back != under:
            if text:
                parts.append(text)
                runs.append(_Run(text, over, under))
                text = ""
            if fore == over or fore is None:
                parts.append(f"\x1b[{background(back)}m")
            elif back == under:
                parts.append(f"\x1b[{foreground(fore)}m")
            else:
                parts.append(f"\x1b[{foreground(fore)};{background(back)}m")
            over, under = fore, back
        text += glyph * count
    if text:
        parts.append(text)
        runs.append(_Run(text, over, under))
    return runs, "".join(parts) + "\x1b[0m"


def _codes_of(depth: Depth) -> tuple[Callable[[int], str], Callable[[int], str]]:
    """Return what names a colour as foreground, and what names it as background."""
    if depth == "truecolor":
        return _true_foreground, _true_background
    if depth == "256":
        return "38;5;{}".format, "48;5;{}".format
    return (lambda n: str(30 + n if n < 8 else 82 + n)), (lambda n: str(40 + n if n < 8 else 92 + n))


@lru_cache(maxsize=32768)
def _true_foreground(code: int) -> str:
    return f"38;2;{code >> 16};{code >> 8 & 255};{code & 255}"


@lru_cache(maxsize=32768)
def _true_background(code: int) -> str:
    return f"48;2;{code >> 16};{code >> 8 & 255};{code & 255}"


def _segment(run: _Run, depth: Depth) -> Segment:
    over = None if run.over is None or not run.text.strip(" ") else _colour(run.over, depth)
    return Segment(run.text, Style.from_color(over, None if run.under is None else _colour(run.under, depth)))


@lru_cache(maxsize=4096)
def _colour(code: int, depth: Depth) -> Color:
    """Return the colour `code`; palette colours carry their number, so that no filter moves them."""
    if depth == "truecolor":
        return Color.from_rgb(code >> 16, code >> 8 & 255, code & 255)
    if depth == "16":
        return Color(f"color({code})", ColorType.STANDARD, code, ColorTriplet(*STANDARD[code]))
    if code >= 232:
        triplet = ColorTriplet(*(3 * (8 + 10 * (code - 232),)))
    else:
        n = code - 16
        triplet = ColorTriplet(CUBE[n // 36], CUBE[n // 6 % 6], CUBE[n % 6])
    return Color(f"color({code})", ColorType.EIGHT_BIT, code, triplet)
