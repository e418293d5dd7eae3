"""FeXT's themes as they are drawn: every word on every screen is readable, with 24-bit colour and with 256."""

from __future__ import annotations

from app_driver import make_run, opened, press, until
from rich.color import Color, ColorSystem
from textual.color import Color as Rgb
from textual.filter import DimFilter

from fext_tui import themes
from fext_tui.configuration import read_configuration
from fext_tui.following import JobSnapshot, JobUpdated, LogLine

LEAST = 4.5  # of WCAG 2.1, level AA


def words_of(app, region=None):
    """Yield every piece of text with letters or digits in sight: text, its colour, the colour behind it."""
    region = region or app.screen.region
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        if region.y <= y < region.bottom:
            for segment in DimFilter().apply(list(strip.crop(region.x, region.right)), Rgb(0, 0, 0)):
                style = segment.style
                if any(character.isalnum() for character in segment.text) and style is not None:
                    front, back = (style.bgcolor, style.color) if style.reverse else (style.color, style.bgcolor)
                    yield segment.text.strip(), front, back


def luminance(colour: Rgb) -> float:
    """Relative luminance as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast_of(one: Rgb, other: Rgb) -> float:
    """The contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def shown(colour: Color, system: ColorSystem | None) -> Rgb:
    """What a terminal of that many colours shows for `colour`."""
    return Rgb.from_rich_color(Color.from_triplet((colour if system is None else colour.downgrade(system)).get_truecolor()))


def faint(app, region=None) -> list[str]:
    """The words whose contrast is too low, with it."""
    found = []
    for text, front, back in words_of(app, region):
        for system in (None, ColorSystem.EIGHT_BIT):
            contrast = contrast_of(shown(front, system), shown(back, system))
            if contrast < LEAST:
                found.append(f"{contrast:.2f} {text!r} {shown(front, system).hex} on {shown(back, system).hex} {system}")
    return found


async def test_every_word_has_contrast(with_images):
    make_run(with_images, "redux")
    async with opened(with_images) as (app, pilot):
        running = JobSnapshot("20260101T000000-train-0000", "train", "redux", "running", {"stage": "epoch 1/2", "done": 1, "total": 2})
        lines = tuple(LogLine(1.0, level, f"{level} word") for level in ("debug", "info", "warning", "error"))
        app.post_message(JobUpdated(running, lines))
        found = []

        async def look(*keys):
            await press(pilot, *keys)
            dialog = app.screen.query(".dialog")
            found.extend(f"{app.theme}: {word}" for word in faint(app, dialog.first().region if dialog else None))

        await look("L", "slash", *"word", "enter", "f", "f", "f")
        await look("question_mark")
        app.theme = themes.LIGHT.name
        await look()
        await press(pilot, "escape", "2")
        await until(pilot, lambda: app.screen.query("#settings"), "the form")
        await look("s")
        assert not found, "\n".join(found)
    assert read_configuration(with_images.ui_file, app.available_themes).theme == themes.LIGHT.name
