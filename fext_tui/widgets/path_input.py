"""A line for the path of a folder, with completion of the folders that are there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.validation import ValidationResult, Validator
from textual.widgets import Input


class FolderSuggester(Suggester):
    """Completes the last part of a path to the first folder, in order of names, that starts like it."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return `value` completed, with a separator at its end; None where nothing fits."""
        import asyncio

        return await asyncio.to_thread(complete_folder, value)


def complete_folder(typed: str) -> str | None:
    """Return `typed` completed to a folder that exists; None where there is none or it cannot be read.

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
                entry.name
                for entry in entries
                if entry.name.startswith(start)
                and entry.name.isprintable()
                and (start.startswith(".") or not entry.name.startswith("."))
                and entry.is_dir()
            ]
    except (OSError, ValueError, RuntimeError):
        return None
    return typed[: len(typed) - len(start)] + min(names) + os.sep if names else None


class IsFolder(Validator):
    """Fails for a path that is no folder. Nothing typed is allowed: it means the default."""

    def validate(self, value: str) -> ValidationResult:
        """Check the path."""
        typed = value.strip()
        if not typed:
            return self.success()
        try:
            path = Path(typed).expanduser()
            if path.is_dir():
                return self.success()
            return self.failure(
                "this is a file, not a folder" if path.exists() else "there is no such folder"
            )
        except (OSError, ValueError, RuntimeError):
            return self.failure("this is not a path that can be read")


class PathInput(Input):
    """Takes the path of a folder. Tab takes the completion shown, and goes on where there is none."""

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
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the line with the path `value` in it."""
        super().__init__(
            value,
            placeholder,
            suggester=FolderSuggester(),
            validators=IsFolder(),
            select_on_focus=False,
            name=name,
            id=id,
            classes=classes,
        )

    @property
    def folder(self) -> Path | None:
        """The folder typed, `~` expanded; None while it is empty or no folder."""
        typed = self.value.strip()
        return Path(typed).expanduser() if typed and IsFolder().validate(typed).is_valid else None

    @property
    def error(self) -> str:
        """What is wrong with the path, in words; empty when nothing is."""
        return " ".join(IsFolder().validate(self.value).failure_descriptions)

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
