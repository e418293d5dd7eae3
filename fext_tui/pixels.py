"""Real pixels for stills, in terminals that have them: an optional extra that FEXT_PIXELS turns on at the start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image
    from textual.widget import Widget

    from fext_tui.figure import Figure

VARIABLE = "FEXT_PIXELS"
_CLASSES = {"kitty": "TGPImage", "sixel": "SixelImage", "iterm": "SixelImage"}  # iTerm2 speaks Sixel, too
_GAP = 8  # pixels between two panels


class _Pixels:
    """What this process has loaded, or what is missing."""

    widget: Any = None
    missing = (
        f"FeXT was started without it: set {VARIABLE} to kitty, sixel or iterm, whichever the terminal speaks"
    )
    asked = False


def load_pixels() -> None:
    """Load what FEXT_PIXELS asks for, before the app runs: it puts questions to the terminal. Never raises."""
    wanted = os.environ.get(VARIABLE, "").strip().casefold()
    if wanted in ("", "off"):
        return
    _Pixels.asked = True
    if wanted not in _CLASSES:
        _Pixels.missing = f"{VARIABLE} is {wanted!r}; it may be kitty, sixel, iterm or off"
        return
    try:
        import textual_image.widget
    except ImportError:
        _Pixels.missing = (
            f"{VARIABLE} is {wanted}, but textual-image is not installed: pip install 'fext[pixels]'"
        )
    except Exception as error:  # the terminal's answer was not to its taste
        _Pixels.missing = f"the terminal did not answer as one that speaks {wanted} should: {error}"
    else:
        _Pixels.widget = getattr(textual_image.widget, _CLASSES[wanted])


def pixels_asked() -> bool:
    """Whether FEXT_PIXELS asked for real pixels when the app was started."""
    return _Pixels.asked


def why_no_pixels() -> str:
    """What keeps this process from real pixels; nothing where they are there."""
    return "" if _Pixels.widget else _Pixels.missing


def make_widget() -> Widget:
    """A widget for `show_pixels`."""
    widget: Widget = _Pixels.widget()
    return widget


def join_panels(figure: Figure) -> PIL.Image.Image:
    """The panels of a figure side by side, for `show_pixels`."""
    from PIL import Image

    panels = [Image.fromarray(panel) for panel in figure.panels]
    width = sum(panel.width + _GAP for panel in panels) - _GAP
    joined = Image.new("RGB", (width, max(panel.height for panel in panels)))
    x = 0
    for panel in panels:
        joined.paste(panel, (x, 0))
        x += panel.width + _GAP
    return joined


def show_pixels(widget: Any, image: PIL.Image.Image, width: int, height: int) -> None:
    """Show an image as large as `width` x `height` cells allow, its aspect kept, resized to what will be seen."""
    from textual_image._terminal import get_cell_size

    cell = get_cell_size()
    scale = min(width * cell.width / image.width, height * cell.height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    widget.styles.width = max(1, min(width, round(size[0] / cell.width)))
    widget.styles.height = max(1, min(height, round(size[1] / cell.height)))
    widget.image = image.resize(size)
