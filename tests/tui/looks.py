"""What a terminal shows of the app, cell by cell: read from the very bytes that the app would write to it."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any, NamedTuple

from rich.ansi import AnsiDecoder
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color as Rgb
from textual.containers import ScrollableContainer
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

LEAST_CONTRAST = 4.5  # of WCAG 2.1, level AA
LEAST_OF_HINTS = 3.0
_XTERM = [
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
]  # fmt: skip
_CONSOLE = [
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
]  # fmt: skip
DARK = [TerminalTheme((0, 0, 0), colours[7], colours[:8], colours[8:]) for colours in (_XTERM, _CONSOLE)]
LIGHT = [TerminalTheme((255, 255, 255), (0, 0, 0), colours[:8], colours[8:]) for colours in (_XTERM, _CONSOLE)]

_PLAIN = Style()


class Cell(NamedTuple):
    """A character as it is shown."""

    character: str
    style: Style


def shown_cells(app: Any, console: Console | None = None) -> list[list[Cell]]:
    """The lines of the terminal, decoded from the escape sequences for `console`, by default the app's own."""
    console = console or app.console
    decoder, lines = AnsiDecoder(), []
    for strip in app.screen._compositor.render_strips():
        cells = []
        for segment in decoder.decode_line(_afresh(strip).render(console)).render(app.console, end=""):
            cells += [Cell(character, segment.style or _PLAIN) for character in segment.text]
        lines.append(cells)
    return lines


def _afresh(strip: Strip) -> Strip:
    """A copy that is yet to be rendered: a strip and a style keep what they were first rendered as, on any console."""
    fresh = [Segment(text, style and style.copy(), control) for text, style, control in strip]
    for segment in fresh:
        if segment.style is not None:
            segment.style._ansi = None
    return Strip(fresh)


def dump(lines: list[list[Cell]]) -> str:
    """The lines as text, below each the letters of its cells' looks, and last what the letters stand for."""
    names: dict[str, str] = {}
    letters = string.ascii_letters + string.digits + string.punctuation
    out = []
    for line in lines:
        looks = []
        for cell in line:
            look = str(cell.style)
            names.setdefault(look, letters[len(names) % len(letters)])
            looks.append(names[look])
        out += ["".join(cell.character for cell in line).rstrip(), "".join(looks)]
    legend = [f"{letter} {look}" for look, letter in names.items()]
    return "\n".join([*out, "", *legend, ""])


def runs(lines: list[list[Cell]], region: Region) -> Iterator[tuple[str, Style]]:
    """Every piece of text of one look in a region."""
    for line in lines[region.y : region.bottom]:
        text, look = "", Style()
        for cell in [*line[region.x : region.right], Cell("", Style(bold=True, italic=True, underline=True))]:
            if cell.style != look:
                if text.strip():
                    yield text.strip(), look
                text, look = "", cell.style
            text += cell.character


def colours_of(style: Style, theme: TerminalTheme) -> tuple[Rgb, Rgb]:
    """The colours of a character and of what is behind it, on a terminal with the colours of `theme`."""

    def mixed(colour: Color | None, *, foreground: bool) -> Rgb:
        return Rgb(*(colour or Color.default()).get_truecolor(theme, foreground=foreground))

    front, back = mixed(style.color, foreground=True), mixed(style.bgcolor, foreground=False)
    if style.reverse:
        front, back = back, front
    return (front.blend(back, 0.5) if style.dim else front), back


def luminance(colour: Rgb) -> float:
    """Relative luminance as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast_of(one: Rgb, other: Rgb) -> float:
    """The contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def faint_words(lines: list[list[Cell]], region: Region, terminals: list[TerminalTheme]) -> Iterator[str]:
    """The words in a region that have too little contrast on one of the terminals."""
    for text, style in runs(lines, region):
        if any(character.isalnum() for character in text):
            least = LEAST_OF_HINTS if style.dim else LEAST_CONTRAST
            worst = min(contrast_of(*colours_of(style, theme)) for theme in terminals)
            if worst < least:
                yield f"{worst:.2f} {text!r} in {style}"


def differs(before: list[list[Cell]], now: list[list[Cell]], region: Region, terminal: TerminalTheme) -> bool:
    """Whether the eye sees a difference in a region: other characters or attributes, or colours apart."""
    for y in range(max(0, region.y), min(region.bottom, len(now))):
        for one, other in zip(before[y][region.x : region.right], now[y][region.x : region.right], strict=False):
            if one.character != other.character:
                return True
            if any(getattr(one.style, name) != getattr(other.style, name) for name in ("reverse", "underline")):
                return True
            (front, back), (front_now, back_now) = colours_of(one.style, terminal), colours_of(other.style, terminal)
            if _apart(back, back_now) or (one.character.strip() and _apart(front, front_now)):
                return True
    return False


def _apart(one: Rgb, other: Rgb) -> bool:
    far = sum(abs(a - b) for a, b in zip(one.rgb, other.rgb, strict=True)) >= 90
    return contrast_of(one, other) >= 1.25 or far


def misplaced(app: Any) -> Iterator[str]:
    """Widgets that lie outside what holds them or on each other, and texts that are cut without a sign."""
    screen = app.screen
    for widget in screen.walk_children(Widget):
        if not (widget.display and widget.region.area and widget.visible) or "toast" in str(widget.css_identifier):
            continue
        parent = widget.parent
        if isinstance(parent, Widget) and not _scrolls(parent) and not parent.region.contains_region(widget.region):
            yield f"{widget!r} at {widget.region} is outside {parent!r} at {parent.region}"
        if not screen.region.overlaps(widget.region) and not _in_scroll(widget):
            yield f"{widget!r} at {widget.region} is not on the screen"
        siblings = [
            w for w in widget.children
            if w.display and w.region.area and w.styles.position != "absolute" and w.layer == "default"
        ]  # fmt: skip
        for at, one in enumerate(siblings):
            for other in siblings[at + 1 :]:
                if one.region.overlaps(other.region):
                    yield f"{one!r} at {one.region} and {other!r} at {other.region} overlap"
        if isinstance(widget, Static) and not _in_scroll(widget):
            width, height = widget.content_size
            needed = widget.visual.get_height(widget.styles, width) if width else 0
            shown = "".join(widget.render_line(y).text for y in range(widget.size.height))
            if needed > height and "…" not in shown:
                yield f"{widget!r} needs {needed} lines and has {height}: {shown.strip()!r}"


def _scrolls(widget: Widget) -> bool:
    """Whether a scrollbar tells that there is more."""
    return bool(widget.show_vertical_scrollbar or widget.show_horizontal_scrollbar)


def _in_scroll(widget: Widget) -> bool:
    return any(isinstance(a, ScrollableContainer) or _scrolls(a) for a in widget.ancestors if isinstance(a, Widget))
