"""FeXT's own themes, light and dark, and which theme suits a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

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
        "text-muted": "#4e4e4e",
        "text-disabled": "#626262",
        "foreground-muted": "#4e4e4e",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-blurred-foreground": "#121212",
        "block-cursor-blurred-background": "#c6c6c6",
        "button-color-foreground": "#ffffff",
    },
)


def suitable_theme(wanted: str, themes: Mapping[str, Theme], few_colours: bool) -> str:
    """The theme to show: the one wanted, else the dark one; of 16 colours the terminal's own are readable."""
    theme = themes[wanted or DARK.name]
    if few_colours and not theme.ansi:
        return "ansi-dark" if theme.dark else "ansi-light"
    return theme.name
