"""The errors that a user is meant to read: what happened and what to do about it."""

from __future__ import annotations

import errno

from fext_engine.paths import printable

_OUT_OF_MEMORY = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc",
    "could not create a primitive", "could not create a memory",  # oneDNN, whose layers are most of ours on a CPU
    "alloc_failed",  # cuBLAS and cuDNN
    "can't start new thread",
)  # fmt: skip


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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, this machine's or a GPU's: torch and its libraries say so in words of their own."""
    if isinstance(error, FextError):
        return False
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _OUT_OF_MEMORY)


def room_to_write(error: OSError) -> str:
    """The way out where a file could not be written, by what the system said."""
    if error.errno == getattr(errno, "EDQUOT", None):
        return "your quota on that disk is used up: remove files of yours there, or have it raised"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "make the place writable, or use other resources: --resources DIR"
    return "free some space there, or use other resources: --resources DIR"
