"""A line for the path of a folder or of a file, with completion of what is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.validation import ValidationResult, Validator
from textual.widgets import Input

Accepts = Callable[[str], bool]
"""Whether a file of that name is one that is asked for."""


class PathSuggester(Suggester):
    """Completes the last part of a path to the first folder, or file, in order of names, that starts like it."""

    def __init__(self, accepts: Accepts | None) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._accepts = accepts

    async def get_suggestion(self, value: str) -> str | None:
        """Return `value` completed, a folder with a separator at its end; None where nothing fits."""
        import asyncio

        return await asyncio.to_thread(complete_path, value, accepts=self._accepts)


def complete_path(typed: str, *, accepts: Accepts | None = None) -> str | None:
    """Return `typed` completed to a folder that exists, or to a file whose name is accepted; None without one.

    A hidden folder is offered only after its dot; a name that cannot be typed is not offered.
    """
    if not typed:
        return None
    if typed == "~":
        return "~" + os.sep
    parent, start = os.path.split(typed)
    try:
        with os.scandir(Path(parent or ".").expanduser()) as entries:
            names = [
                entry.name + os.sep if entry.is_dir() else entry.name
                for entry in entries
                if entry.name.startswith(start)
                and entry.name.isprintable()
                and (start.startswith(".") or not entry.name.startswith("."))
                and (entry.is_dir() or (accepts is not None and accepts(entry.name)))
            ]
    except (OSError, ValueError, RuntimeError):
        return None
    return typed[: len(typed) - len(start)] + min(names) if names else None


class IsPath(Validator):
    """Fails for a path that is no folder, or no file. Nothing typed is allowed: it means the default."""

    def __init__(self, *, folder: bool) -> None:
        super().__init__()
        self._folder = folder

    def validate(self, value: str) -> ValidationResult:
        """Check the path."""
        typed = value.strip()
        if not typed:
            return self.success()
        try:
            path = Path(typed).expanduser()
            if path.is_dir() if self._folder else path.is_file():
                return self.success()
            wanted, other = ("folder", "file") if self._folder else ("file", "folder")
            return self.failure(
                f"this is a {other}, not a {wanted}" if path.exists() else f"there is no such {wanted}"
            )
        except (OSError, ValueError, RuntimeError):
            return self.failure("this is not a path that can be read")


class PathInput(Input):
    """Takes the path of a folder or a file. Tab takes the completion shown, and goes on where there is none."""

    DEFAULT_CSS = """
    PathInput {
        border-subtitle-color: $text-error;
        border-subtitle-align: left;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", show=False, id="path.complete"),
    ]

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "path of a folder",
        accepts: Accepts | None = None,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the line with the path `value` in it: of a folder, or of a file whose name is accepted."""
        self._validator = IsPath(folder=accepts is None)
        super().__init__(
            value,
            placeholder,
            suggester=PathSuggester(accepts),
            validators=self._validator,
            select_on_focus=False,
            name=name,
            id=id,
            classes=classes,
        )

    @property
    def path(self) -> Path | None:
        """The folder or file typed, `~` expanded; None while it is empty or wrong."""
        typed = self.value.strip()
        return Path(typed).expanduser() if typed and self._validator.validate(typed).is_valid else None

    @property
    def error(self) -> str:
        """What is wrong with the path, in words; empty when nothing is."""
        return " ".join(self._validator.validate(self.value).failure_descriptions)

    def validate_value(self, value: str) -> str:
        """Keep the path on one line."""
        return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)

    def validate(self, value: str) -> ValidationResult | None:
        """Check the path and say below it what is wrong."""
        result = super().validate(value)
        self.border_subtitle = self.error
        return result

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Tab moves on where there is nothing to complete."""
        if action == "complete":
            return self._completes
        return super().check_action(action, parameters)

    def action_complete(self) -> None:
        """Take the completion shown."""
        self.action_cursor_right()

    @property
    def _completes(self) -> bool:
        at_end = self.cursor_position == len(self.value)
        return at_end and len(self._suggestion) > len(self.value)
