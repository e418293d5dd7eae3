"""A run's folder: what lies where, its configuration, split and lock. No torch, so that anyone may look into it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from filelock import FileLock, Timeout

from fext_engine.documents import read_text, require_file
from fext_engine.errors import FextError, room_to_write
from fext_engine.images.scan import stays_below
from fext_engine.paths import escape_name
from fext_engine.presets import read_settings, settings_to_toml
from fext_engine.settings import Settings
from fext_engine.workspace import Workspace, atomic_folder, mark_newest, timestamp, write_atomic

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
_EPOCH = re.compile(r"([0-9]{4,12})(?:_batch_([0-9]{1,12}))?")


@dataclass(frozen=True)
class SplitRow:
    """One image of a run's split. `split` is `train` or `validation`; `digest` is that of the file's bytes."""

    path: str
    split: str
    digest: str


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def configuration(self) -> Path:
        return self.path / "configuration.toml"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def split(self) -> Path:
        return self.path / "split.csv"

    @property
    def left_out(self) -> Path:
        return self.path / "left_out.csv"

    @property
    def note(self) -> Path:
        return self.path / "note.txt"

    @property
    def epochs(self) -> Path:
        return self.path / "epochs"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation"

    @property
    def exports(self) -> Path:
        return self.path / "exports"

    def checkpoint(self, epoch: int, batch: int = 0) -> Path:
        """The checkpoint after `epoch` whole epochs, or after `batch` batches of the next one."""
        return self.epochs / (f"{epoch:04d}_batch_{batch}" if batch else f"{epoch:04d}")

    def checkpoints(self) -> list[Path]:
        """All checkpoints, in the order in which training passed them."""
        if not self.epochs.is_dir():
            return []
        found = [(m, p) for p in self.epochs.iterdir() if (m := _EPOCH.fullmatch(p.name)) and p.is_dir()]
        return [p for m, p in sorted(found, key=lambda pair: (int(pair[0][1]), int(pair[0][2] or 0)))]

    def pointed(self, pointer: str) -> Path | None:
        """The checkpoint that `best` or `last` names, or None while there is no such file.

        Raises FextError when the pointer or the checkpoint it names is damaged or gone.
        """
        file = self.path / pointer
        if not file.exists():
            return None
        try:
            name = read_text(file).strip()
        except (OSError, ValueError) as error:
            raise FextError(f"cannot read {escape_name(str(file))}: {error}", "remove it") from error
        folder = self.epochs / name
        if not _EPOCH.fullmatch(name) or not folder.is_dir():
            there = ", ".join(p.name for p in self.checkpoints()) or "none"
            raise FextError(
                f"{escape_name(str(file))} names the checkpoint {escape_name(name)!r}, which does not exist",
                f"write the name of one that does into it: {there}",
            )
        return folder

    def point(self, pointer: str, checkpoint: Path) -> None:
        """Make `best` or `last` name a checkpoint: a line of text, since links need rights on Windows."""
        write_atomic(self.path / pointer, checkpoint.name + "\n")
        mark_newest(self.path, self.path.parent.iterdir())

    def settings(self) -> Settings:
        """The run's own configuration; raises SettingsError when it cannot be read."""
        return read_settings(self.configuration)

    def write_settings(self, settings: Settings) -> None:
        """Make them the run's own configuration."""
        write_atomic(self.configuration, settings_to_toml(settings, "The configuration of this run"))

    def read_note(self) -> str:
        """The person's note on the run as one line, empty where there is none."""
        try:
            return " ".join(read_text(self.note).split())
        except (OSError, ValueError):
            return ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other jobs from writing this run; raises FextError when one does already."""
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise FextError(
                f"another job works on the run {self.name}", "wait for it, or stop it: `fext jobs` lists them"
            ) from None
        except OSError as error:
            raise FextError(
                f"cannot lock the run {escape_name(str(self.path))}: {error.strerror or error}",
                room_to_write(error),
            ) from error
        try:
            yield
        finally:
            lock.release()


def create_run(workspace: Workspace, name: str, settings: Settings, split: list[SplitRow]) -> RunFolder:
    """Make a new run with its configuration and split, whole or not at all; raises FextError when it cannot be."""
    run = RunFolder(workspace.run(name))
    try:
        with atomic_folder(run.path) as folder:
            made = RunFolder(folder)
            made.write_settings(settings)
            write_csv(made.split, ("path", "split", "digest"), [(r.path, r.split, r.digest) for r in split])
    except OSError:
        if run.path.exists():
            raise FextError(f"there is a run called {name} already", "choose another name") from None
        raise
    mark_newest(run.path, run.path.parent.iterdir())
    return run


def create_next_run(
    workspace: Workspace, name: str | None, settings: Settings, split: list[SplitRow]
) -> RunFolder:
    """`create_run` with a name of the user's or, where that is None, one that no other job has taken meanwhile."""
    while True:
        chosen = run_name(workspace, settings.model.name, name)
        try:
            return create_run(workspace, chosen, settings, split)
        except FextError:
            if name is not None or not workspace.run(chosen).exists():
                raise


def run_name(workspace: Workspace, model: str, given: str | None) -> str:
    """The name of a new run: as given, else `<model>_<yyyymmddThhmmss>`; raises FextError when it will not do."""
    if given is None:
        name = f"{model.replace(' ', '-')}_{timestamp()}"
        number = 2
        while workspace.run(name).exists():
            name = f"{name.split('.', maxsplit=1)[0]}.{number}"
            number += 1
        return name
    if not _NAME.fullmatch(given) or given.endswith((".", " ")) or given == "latest":
        raise FextError(
            f"{escape_name(given)!r} cannot name a run",
            "use letters, digits, spaces, dots, dashes and underscores, beginning with a letter or digit",
        )
    if workspace.run(given).exists():
        raise FextError(f"there is a run called {given} already", "choose another name")
    return given


def numbered(name: str) -> Iterator[str]:
    """`name`, `name.2`, `name.3` and so on."""
    return chain([name], (f"{name}.{number}" for number in count(2)))


def read_split(run: RunFolder) -> list[SplitRow]:
    """The run's split; raises FextError when the file is missing or damaged."""
    shown = escape_name(str(run.split))
    try:
        require_file(run.split)
        with run.split.open(newline="", encoding="utf-8") as file:
            rows = [SplitRow(r["path"], r["split"], r["digest"]) for r in csv.DictReader(file)]
    except (OSError, KeyError, csv.Error, UnicodeDecodeError) as error:
        raise FextError(f"cannot read {shown}: {error}", "restore the file, or train a new run") from error
    for row in rows:
        if None in (row.path, row.digest) or row.split not in ("train", "validation"):
            raise FextError(f"{shown} is damaged", "restore the file, or train a new run")
        if not stays_below(row.path):
            raise FextError(
                f"{shown} names {escape_name(row.path)}, which leads out of the images folder",
                "restore the file, or train a new run",
            )
    if len({row.path for row in rows}) != len(rows) or not rows:
        raise FextError(f"{shown} is empty or names an image twice", "restore the file, or train a new run")
    return rows


def write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Write a whole table or nothing, UTF-8 with `\\n` line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_atomic(path, text.getvalue())
