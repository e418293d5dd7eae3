"""The encodings that the screens list and search in: found in the records and beside the images, the newest first."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.errors import FextError
from fext_engine.paths import escape_name, unescape_name
from fext_tui.figure import read_picture
from fext_tui.listing import PictureList

if TYPE_CHECKING:
    from fext_engine.workspace import Workspace
    from fext_tui.figure import Figure


@dataclass(frozen=True)
class KnownEncoding:
    """What a list says of an encoding: of its manifest. Words are escaped."""

    folder: Path
    run: str
    images: Path
    """The folder that was encoded."""
    rows: int
    dimensions: int
    pooling: str
    made: str
    """When it was made or brought up to date, in UTC, as ISO 8601 has it."""

    @property
    def name(self) -> str:
        """The folder's name, escaped."""
        return escape_name(self.folder.name)

    @property
    def date(self) -> str:
        """When that was, in local time."""
        try:
            return f"{datetime.fromisoformat(self.made).astimezone():%Y-%m-%d %H:%M}"
        except (ValueError, OSError, OverflowError):
            return ""

    def may_hold(self, file: Path) -> bool:
        """Whether a file lies below the encoded folder, by the names as they are or by the real ones."""
        return any(Path(real(file)).is_relative_to(real(self.images)) for real in (os.path.abspath, os.path.realpath))


@dataclass(frozen=True, kw_only=True)
class EncodedPictures(PictureList):
    """Images of an encoding; a child says more of them. The names are relative to the encoded folder."""

    encoding: KnownEncoding
    title: str
    """What the list is, for the title line."""

    def caption(self, index: int) -> str:
        """What stands before the name on a contact sheet."""
        return ""

    def figure(self, index: int, longest: int | None) -> Figure:
        """The picture of a row."""
        return read_picture(self.path(index), longest)

    def facts(self, index: int) -> Sequence[tuple[str, str]]:
        """What the list knows of a row, in words."""
        return ("encoding", self.encoding.name), ("run", self.encoding.run)


def known_encodings(workspace: Workspace) -> tuple[list[KnownEncoding], list[str]]:
    """Every encoding that can be read, the newest first, and what is wrong with the others; in a worker thread."""
    from math import prod

    from fext_engine.latents.manifest import read_manifest

    found, problems = [], []
    for folder in _folders(workspace):
        try:
            manifest = read_manifest(folder)
        except FextError as error:
            problems.append(str(error))
            continue
        images, run = Path(unescape_name(manifest.images)), escape_name(manifest.run)
        rows, size = manifest.counts.encoded, prod(manifest.row_shape)
        made = manifest.updated or manifest.created
        found.append(KnownEncoding(folder, run, images, rows, size, manifest.pooling, made))
    return sorted(found, key=lambda known: (known.made, known.name), reverse=True), problems


def _folders(workspace: Workspace) -> Iterator[Path]:
    """Each encoding's folder once: those in the inference folder, and those recorded elsewhere that are there still."""
    from fext_engine.latents.manifest import MANIFEST
    from fext_engine.records import open_records
    from fext_engine.records.encodings import list_encodings

    try:
        found = [path for path in workspace.inference.iterdir() if not path.name.startswith(".")]
    except OSError:
        found = []
    try:
        with open_records(workspace.database) as records:
            found += [Path(unescape_name(record.path)) for record in list_encodings(records)]
    except (FextError, sqlite3.Error):  # the folders themselves are there
        pass
    seen = set()
    for path in found:
        try:
            real = path.resolve()
            there = (path / MANIFEST).is_file()
        except OSError:
            continue
        if there and real not in seen:
            seen.add(real)
            yield path


def no_encodings(key: Callable[[str], str]) -> str:
    """The sentence that says how to get an encoding; `key` tells the key of an action."""
    import fext_tui.screens.model  # noqa: F401 - whose keys are named

    return f"No encoding yet: {key('model.encode')} on the Model screen ({key('mode.model')}) makes one of a folder."
