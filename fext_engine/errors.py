"""The errors that a user is meant to read: what happened and what to do about it."""

from __future__ import annotations

from fext_engine.paths import printable


class FextError(Exception):
    """A failure with a cause that a user can act on.

    `what` says what happened and names the file, the setting or the key; `do` says the way out.
    """

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what, do)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        text = f"{self.what}; {self.do}" if self.do else self.what
        return printable(" ".join(text.split()))


class SettingsError(FextError):
    """A setting that is unknown or out of range, or a settings file that cannot be read."""


class JobStopped(FextError):
    """Raised by a job that was asked to stop, once everything it needs to go on later is on disk."""
