"""What an `encode` has to do: nothing, a new encoding, an old one brought up to date, or one that was left undone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fext_engine.errors import FextError
from fext_engine.jobs.job import Job
from fext_engine.latents.encoding import map_latents
from fext_engine.latents.listing import FILES, Listing
from fext_engine.latents.manifest import MANIFEST, Manifest, read_manifest
from fext_engine.latents.place import mend
from fext_engine.latents.recipe import Recipe
from fext_engine.latents.unfinished import final_place, new_folder, unfinished_in
from fext_engine.paths import escape_name, unescape_name
from fext_engine.records import open_records
from fext_engine.records.encodings import list_encodings
from fext_engine.training.run_folder import numbered
from fext_engine.workspace import timestamp


@dataclass(frozen=True)
class Plan:
    """Where the vectors go. Without `work` there is nothing to do: the output has them."""

    output: Path
    work: Path | None = None
    """The folder in which the output comes to be."""
    update: bool = False
    """Whether the output is there and is brought up to date."""


def make_plan(job: Job, recipe: Recipe, listing: Listing, output: Path | None, update: bool) -> Plan:
    """Decide what is to be done for `output`, or for an encoding in the inference folder when it is None.

    Raises FextError when the output is there and is something else, or is not to be touched.
    """
    for place in {job.workspace.inference, *([output.parent] if output else [])}:
        for name in mend(place):
            job.log(f"{escape_name(name)} was exchanged when a job was killed; it is whole again", "warning")
    if output is not None and output.exists():
        output = output.resolve()
        if _is_current(job, output, _same_kind(output, recipe), listing, update):
            return Plan(output)
        if not update:
            raise FextError(
                f"{escape_name(str(output))} exists already, and files were added, changed or removed since",
                "bring it up to date with --update, or choose another --output",
            )
        return _begin(job, recipe, output, update=True)
    if output is None:
        found = _finished(job, recipe)
        for folder, manifest in found:
            if _is_current(job, folder, manifest, listing, update):
                return Plan(folder)
        if found and update:
            return _begin(job, recipe, found[0][0], update=True)
        if found:
            name = escape_name(found[0][0].name)
            job.log(f"files were added, changed or removed since {name}: --update brings that up to date")
    if update:
        job.log("there is no encoding to bring up to date: a new one is made")
    return _begin(job, recipe, output)


def _begin(job: Job, recipe: Recipe, output: Path | None, update: bool = False) -> Plan:
    """Find the folder that was left undone by the same command, or make a new one."""
    place = output.parent if output else job.workspace.inference
    for folder, state in unfinished_in(place):
        final = final_place(folder, state)
        if (output and final != output) or (not output and final.exists()):
            continue
        if not (difference := recipe.difference(state.recipe)):
            return Plan(final, folder, update)
        if output or (state.recipe.run, state.recipe.images) == (recipe.run, recipe.images):
            job.log(
                f"{escape_name(folder.name)} is left alone, an unfinished encoding of another {difference}; "
                "`fext clean --unfinished` removes it"
            )
    if update and output is not None:
        map_latents(output, read_manifest(output))  # a damaged one is refused before anything is made
    if output is None:
        taken = {final_place(folder, state) for folder, state in unfinished_in(place)}
        name = f"{recipe.run}-{timestamp()}"
        output = place / next(
            n for n in numbered(name) if not (place / n).exists() and place / n not in taken
        )
    return Plan(output, new_folder(output, recipe), update)


def _same_kind(output: Path, recipe: Recipe) -> Manifest:
    """The manifest of an encoding that the user named; raises FextError unless it is of this recipe."""
    shown = escape_name(str(output))
    if not (output / MANIFEST).is_file():
        raise FextError(f"{shown} exists already", "choose another --output, or remove it")
    manifest = read_manifest(output)
    if difference := recipe.difference(Recipe.of(manifest)):
        raise FextError(
            f"{shown} exists already, an encoding of another {difference}",
            "choose another --output, or remove it",
        )
    return manifest


def _finished(job: Job, recipe: Recipe) -> list[tuple[Path, Manifest]]:
    """The finished encodings of this recipe, the newest first."""
    found = {}
    for folder in {*_recorded(job, recipe), *_subfolders(job.workspace.inference)}:
        with suppress(FextError):
            manifest = read_manifest(folder)
            if Recipe.of(manifest) == recipe:
                found[folder] = manifest
    return sorted(found.items(), key=lambda item: (item[1].updated or item[1].created, item[0]), reverse=True)


def _recorded(job: Job, recipe: Recipe) -> Iterator[Path]:
    with suppress(FextError, sqlite3.Error, OSError), open_records(job.workspace.database) as records:
        for record in list_encodings(records):
            if (record.run, record.images) == (recipe.run, recipe.images):
                yield Path(unescape_name(record.path))


def _subfolders(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    return []


def _is_current(job: Job, folder: Path, manifest: Manifest, listing: Listing, update: bool) -> bool:
    """Whether an encoding is whole and its files are those of the listing, none of them changed.

    With `update` it is not while files could not be read: they may be readable now.
    """
    if not (folder / FILES).is_file() or (update and manifest.counts.broken.get("unreadable")):
        return False
    try:
        map_latents(folder, manifest)
        return listing.is_same_as(folder / FILES)
    except FextError as error:
        job.log(str(error), "warning")
        return False
