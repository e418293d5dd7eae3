"""FeXT's own themes, light and dark, and which theme suits a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

# Colours of the 256 that terminals share, so that they are the same with and without 24-bit colour.
DARK = Theme(
    name="fext-dark",
    primary="#5fafff",
    secondary="#5fd7d7",
    accent="#ffaf5f",
    warning="#ffd75f",
    error="#ff8787",
    success="#87d787",
    foreground="#e4e4e4",
    background="#121212",
    surface="#1c1c1c",
    panel="#303030",
    dark=True,
    variables={
        "primary-muted": "#005f87",
        "warning-muted": "#5f5f00",
        "error-muted": "#5f0000",
        "text-primary": "#87d7ff",
        "input-selection-background": "#005f87",
        "text-muted": "#b2b2b2",
        "text-disabled": "#949494",
        "foreground-muted": "#b2b2b2",
        "block-cursor-foreground": "#121212",
        "block-cursor-blurred-foreground": "#eeeeee",
        "block-cursor-blurred-background": "#444444",
        "button-color-foreground": "#121212",
    },
)
LIGHT = Theme(
    name="fext-light",
    primary="#005faf",
    secondary="#005f5f",
    accent="#8700af",
    warning="#875f00",
    error="#af0000",
    success="#005f00",
    foreground="#1c1c1c",
    background="#eeeeee",
    surface="#ffffff",
    panel="#e4e4e4",
    dark=False,
    variables={
        "primary-muted": "#afd7ff",
        "warning-muted": "#ffd787",
        "error-muted": "#ffd7d7",
        "text-primary": "#005f87",
        "input-selection-background": "#afd7ff",
        "text-muted": "#4e4e4e",
        "text-disabled": "#626262",
        "foreground-muted": "#4e4e4e",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-blurred-foreground": "#121212",
        "block-cursor-blurred-background": "#c6c6c6",
        "button-color-foreground": "#ffffff",
    },
)
# The terminal's own 16 colours: of each only those that are read well on its background, in xterm as on a console.
_CHOSEN = {
    "error-muted": "ansi_default",
    "input-cursor-text-style": "reverse",
    "text-muted": "ansi_default",  # dim words are hard to read on some
    "text-disabled": "ansi_default",
    "foreground-muted": "ansi_default",
}
ANSI_DARK = replace(
    BUILTIN_THEMES["ansi-dark"],
    primary="ansi_bright_cyan",
    secondary="ansi_cyan",
    warning="ansi_bright_yellow",
    error="ansi_bright_red",
    success="ansi_bright_green",
    accent="ansi_bright_magenta",
    variables=BUILTIN_THEMES["ansi-dark"].variables
    | _CHOSEN
    | {
        "primary-muted": "ansi_blue",
        "warning-muted": "ansi_blue",
        "border": "ansi_bright_cyan",
        "border-blurred": "ansi_white",
        "block-cursor-blurred-foreground": "ansi_bright_white",
        "block-cursor-blurred-background": "ansi_blue",
        "button-color-foreground": "ansi_black",
        "footer-key-foreground": "ansi_bright_magenta",
        "input-selection-background": "ansi_cyan",
        "screen-selection-background": "ansi_cyan",
    },
)
ANSI_LIGHT = replace(
    BUILTIN_THEMES["ansi-light"],
    secondary="ansi_blue",
    warning="ansi_magenta",
    accent="ansi_blue",
    variables=BUILTIN_THEMES["ansi-light"].variables
    | _CHOSEN
    | {
        "primary-muted": "ansi_cyan",
        "warning-muted": "ansi_cyan",
        "border-blurred": "ansi_bright_black",
        "block-cursor-blurred-foreground": "ansi_black",
        "block-cursor-blurred-background": "ansi_cyan",
        "button-color-foreground": "ansi_bright_white",
        "footer-key-foreground": "ansi_blue",
        "input-selection-foreground": "ansi_black",
        "screen-selection-foreground": "ansi_black",
    },
)


def suitable_theme(wanted: str, themes: Mapping[str, Theme], few_colours: bool) -> str:
    """The theme to show: the one wanted, else the dark one; of 16 colours the terminal's own are readable."""
    theme = themes[wanted or DARK.name]
    if few_colours and not theme.ansi:
        return "ansi-dark" if theme.dark else "ansi-light"
    return theme.name
