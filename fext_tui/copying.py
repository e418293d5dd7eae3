"""Copying the path or value where the focus is: what a widget or a screen offers with `copy_text()`."""

from __future__ import annotations

import base64
from typing import Protocol, runtime_checkable

from textual.screen import Screen

from fext_tui.widgets.text import ELLIPSIS, clip_cells, printable

NOTICE_CELLS = 200


@runtime_checkable
class Copyable(Protocol):
    """A widget or a screen with something to copy."""

    def copy_text(self) -> str | None:
        """The true path or value, which may hold any character; None when there is none at the moment."""
        ...


def offered_text(screen: Screen[object]) -> str | None:
    """What is to be copied: by the widget in focus, else by what is around it, the screen last."""
    nodes = screen.focused.ancestors_with_self if screen.focused is not None else [screen]
    offers = (node.copy_text() for node in nodes if isinstance(node, Copyable))
    return next((text for text in offers if text), None)


def clipboard_sequence(text: str) -> str:
    """OSC 52, by which a terminal puts text into the clipboard of the machine it runs on.

    A file's name that is not UTF-8 is copied byte by byte.
    """
    return f"\x1b]52;c;{base64.b64encode(text.encode('utf-8', 'surrogateescape')).decode('ascii')}\a"


def describe_copied(text: str) -> str:
    """One line that says what was copied."""
    lines = text.splitlines()
    shown = printable(lines[0]) if lines else ""
    if len(lines) > 1:
        return f"{len(lines)} lines, from {clip_cells(shown, NOTICE_CELLS)!r}"
    return shown if len(shown) <= NOTICE_CELLS else clip_cells(shown, NOTICE_CELLS) + ELLIPSIS
