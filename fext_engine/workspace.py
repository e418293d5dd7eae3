"""The resources tree: where each thing lives, and writing files so that none is ever half there."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from fext_engine.errors import FextError
from fext_engine.paths import escape_name

if TYPE_CHECKING:
    from fext_engine.settings import Settings

_UMASK = threading.Lock()
STOCK_PRESETS = ("fextae_redux", "fextae_medium", "fextae_large", "quick")


@dataclass(frozen=True)
class Workspace:
    """The folders of one resources tree. Make one with `find_workspace`."""

    root: Path

    @property
    def images(self) -> Path:
        return self.root / "database" / "images"

    @property
    def inference(self) -> Path:
        return self.root / "database" / "inference"

    @property
    def database(self) -> Path:
        return self.root / "database" / "metadata" / "fext.sqlite"

    @property
    def validation(self) -> Path:
        return self.root / "database" / "validation"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def configurations(self) -> Path:
        return self.root / "configurations"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def docs(self) -> Path:
        return self.root / "docs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def ui_file(self) -> Path:
        """The terminal UI's own configuration."""
        return self.root / "ui.toml"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder of the tree, the database's own included."""
        return (
            self.images, self.inference, self.database.parent, self.validation, self.checkpoints,
            self.configurations, self.logs, self.jobs, self.templates, self.docs, self.cache,
        )  # fmt: skip

    def create(self) -> None:
        """Make the missing folders and stock files; raises FextError when the place cannot be written."""
        try:
            for folder in self.folders:
                folder.mkdir(parents=True, exist_ok=True)
            self._copy_stock_files()
        except OSError as error:
            raise FextError(
                f"cannot create the resources folder {escape_name(str(self.root))}: {error.strerror or error}",
                "choose a folder that you can write to with --resources DIR or FEXT_RESOURCES",
            ) from error

    def _copy_stock_files(self) -> None:
        stock = _stock_folder()
        if stock is None or stock.resolve() == self.root.resolve():
            return
        presets = [Path("configurations", f"{name}.toml") for name in STOCK_PRESETS]
        pages = [
            p.relative_to(stock)
            for p in (*(stock / "docs").glob("*.md"), *(stock / "templates").glob(".env"))
        ]
        for file in (*presets, *pages):
            if not (self.root / file).exists():
                write_atomic(self.root / file, (stock / file).read_bytes())

    def images_root(self, settings: Settings) -> Path:
        """The folder of training images that the settings name, else the workspace's own."""
        if not settings.dataset.images:
            return self.images
        folder = Path(settings.dataset.images)
        with suppress(RuntimeError):  # ~someone unknown: a folder that does not exist
            folder = folder.expanduser()
        return folder.absolute()

    def run(self, name: str) -> Path:
        """The folder of the run called exactly `name`, whether it exists or not."""
        return self.checkpoints / name

    def find_run(self, name: str) -> Path:
        """Return the run called `name`, the only one that begins so, or the newest for `latest`.

        Raises FextError that lists the runs there are.
        """
        runs = _subfolders_by_age(self.checkpoints)
        return _find(name, runs, "run", "`fext train` makes one")

    def find_encoding(self, name: str) -> Path:
        """Return the encoding in the folder `name`, else the one so called, a unique prefix or `latest`."""
        given = Path(name).expanduser()
        if (given / "manifest.json").is_file():
            return given
        encodings = [p for p in _subfolders_by_age(self.inference) if (p / "manifest.json").is_file()]
        return _find(name, encodings, "encoding", "`fext encode RUN` makes one")


def find_workspace(resources: str | os.PathLike[str] | None = None) -> Workspace:
    """Open the resources tree, creating what is missing.

    In order: `resources`, the environment's FEXT_RESOURCES, ./resources when there is one, and the user's
    own data folder. Raises FextError when the tree cannot be created.
    """
    chosen = resources or os.environ.get("FEXT_RESOURCES")
    if chosen:
        root = Path(chosen).expanduser().absolute()
    elif Path("resources").is_dir():
        root = Path("resources").absolute()
    else:
        import platformdirs

        root = Path(platformdirs.user_data_dir("fext", appauthor=False))
    workspace = Workspace(root)
    workspace.create()
    return workspace


def timestamp(moment: datetime | None = None) -> str:
    """Local time as `20261123T214500`, for names of runs, jobs, reports and encodings."""
    return (moment or datetime.now()).strftime("%Y%m%dT%H%M%S")


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a whole file or nothing; text is UTF-8. Raises OSError, with the old file as it was."""
    with atomic_file(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that takes the place of `path` when the block ends well.

    The data is on disk (fsync) before the rename, so a crash leaves the old file or the new one.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    sync_folder(path.parent)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends well; else it is removed.

    Raises FileExistsError when `path` exists at the end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb+") as opened:
                    os.fsync(opened.fileno())
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            raise FileExistsError(f"{path} exists already")
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def replace_folder(old: Path, new: Path) -> None:
    """Put a whole new folder in the place of an old one, if there is any."""
    if old.exists():
        shutil.rmtree(old)
    new.rename(old)


def heed_umask(file: Path) -> None:
    """Give a file that was made private, by a library for one, the permissions that the user's umask leaves."""
    file.chmod(0o666 & ~_umask())


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable, where the platform lets one open folders (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The process's umask, which can only be asked by setting it: by one thread at a time, or it stays set."""
    with _UMASK:
        current = os.umask(0o077)
        os.umask(current)
    return current


def _stock_folder() -> Path | None:
    """Where the files that ship with FeXT lie: beside the installed package, or in the source tree."""
    package = Path(__file__).parent
    for folder in (package / "stock", package.parent / "resources"):
        if (folder / "configurations").is_dir():
            return folder
    return None


def _subfolders_by_age(folder: Path) -> list[Path]:
    try:
        found = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    except OSError:
        return []
    return sorted(found, key=lambda p: p.stat().st_mtime_ns)


def _find(name: str, folders: list[Path], noun: str, how_to_make: str) -> Path:
    if not folders:
        raise FextError(f"there is no {noun} yet", how_to_make)
    if name == "latest":
        return folders[-1]
    for folder in folders:
        if folder.name == name:
            return folder
    begins = [p for p in folders if name and p.name.startswith(name)]
    if len(begins) == 1:
        return begins[0]
    shown = ", ".join(escape_name(p.name) for p in (begins or folders)[-5:])
    problem = f"several {noun}s begin with" if begins else f"there is no {noun} called"
    raise FextError(f"{problem} {escape_name(name)!r}", f"name one of: {shown}, or latest")
