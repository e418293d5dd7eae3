"""Which pictures there are to look at, read from folders in worker threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fext_engine.paths import escape_name, unescape_name
from fext_tui.widgets.columns import Column
from fext_tui.widgets.row_list import RowSource

if TYPE_CHECKING:
    from fext_engine.workspace import Workspace

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class PictureList:
    """Pictures below one folder, as a source of a row list. `names` are escaped and relative to `root`."""

    root: Path
    names: Sequence[str]
    by_maker: bool = False
    """Made by FeXT: shown as the file's name and the run or report it belongs to."""

    columns: Sequence[Column] = (Column("picture", keep_end=True),)
    noun: str = "pictures"

    def count(self) -> int:
        return len(self.names)

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        return [(self._label(name),) for name in self.names[offset : offset + limit]]

    def _label(self, name: str) -> str:
        if not self.by_maker:
            return name
        *folders, file = name.split("/")
        maker = folders[-2] if folders[-1] in ("samples", "evaluation") else folders[-1]
        return f"{file}  {maker}"

    def name(self, index: int) -> str | None:
        """The name of a row."""
        return self.names[index]

    def path(self, index: int) -> Path:
        """The true path of a row."""
        return self.root / unescape_name(self.names[index])

    def find(self, name: str) -> int:
        """The row of a name, 0 where it is not listed."""
        return self.names.index(name) if name in self.names else 0


class Pictures(RowSource, Protocol):
    """What the Viewer goes through: a row list's source that knows the file of each row."""

    @property
    def root(self) -> Path:
        """The folder that the names are relative to."""
        ...

    @property
    def noun(self) -> str:
        """What the rows are, in the plural."""
        ...

    def name(self, index: int) -> str | None:
        """The name of a row; None where the picture is gone meanwhile."""
        ...

    def path(self, index: int) -> Path:
        """The true path of a row."""
        ...

    def find(self, name: str) -> int:
        """The row of a name, 0 where it is not listed."""
        ...


def count_files(root: Path, cancelled: Callable[[], bool]) -> int:
    """Count the image files below `root`, 0 when it is missing; raises FextError when it cannot be read."""
    from fext_engine.images.scan import scan

    return sum(1 for _ in _until(cancelled, (file.path for file in scan(root)))) if root.is_dir() else 0


def list_images(root: Path, cancelled: Callable[[], bool]) -> PictureList:
    """List every image file below `root`; an empty list when the folder is missing.

    Raises FextError when it cannot be read.
    """
    from fext_engine.images.scan import scan

    if not root.is_dir():
        return PictureList(root, ())
    return PictureList(root, tuple(_until(cancelled, (file.path for file in scan(root)))))


def list_plots(workspace: Workspace, cancelled: Callable[[], bool]) -> PictureList:
    """List the figures of evaluations and dataset reports, the newest folder first."""
    evaluations = _below(workspace.checkpoints, ("evaluation",), cancelled)
    reports = _below(workspace.validation, ("",), cancelled)
    names = [escape_name(str((listed.root / unescape_name(n)).relative_to(workspace.root)))
             for listed in (evaluations, reports) for n in listed.names]  # fmt: skip
    return PictureList(workspace.root, tuple(names), by_maker=True, columns=(Column("picture"),))


def _below(folder: Path, inside: Iterable[str], cancelled: Callable[[], bool]) -> PictureList:
    def found() -> Iterator[str]:
        children = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
        for child in sorted(children, key=lambda p: p.stat().st_mtime_ns, reverse=True):
            for name in inside:
                for path in sorted((child / name).glob("*")):
                    if path.suffix.casefold() in PICTURE_SUFFIXES:
                        yield escape_name(path.relative_to(folder).as_posix())

    return PictureList(folder, tuple(_until(cancelled, found())), by_maker=True, columns=(Column("picture"),))


def _until(cancelled: Callable[[], bool], names: Iterable[str]) -> Iterator[str]:
    for count, name in enumerate(names):
        if count % 1000 == 0 and cancelled():
            return
        yield name
