"""The sample reconstructions of every run: one row a sample, each with its pictures of all epochs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.paths import escape_name
from fext_tui.widgets.columns import Column

if TYPE_CHECKING:
    from fext_engine.training.sample_grid import SampleGrid

_RUN_WIDTH = 9  # of a run's name the end is shown: by their times the default names differ
_EPOCH = re.compile(r"epoch_(\d+)")


@dataclass(frozen=True)
class Sample:
    """One image of a run's sample pictures."""

    run: str
    """The run's name, escaped."""
    pictures: tuple[Path, ...]
    """One an epoch, in order."""
    grid: SampleGrid | None = None
    index: int | None = None
    """The column in the grid; None where the tiles are not known and the picture is shown whole."""

    @property
    def name(self) -> str:
        """The stored path of the image, else its number."""
        if self.index is None or self.grid is None:
            return "samples"
        names = self.grid.names
        return names[self.index] if self.index < len(names) else f"sample {self.index + 1}"

    @property
    def key(self) -> str:
        """What finds this sample in another listing."""
        return f"{self.run}/{-1 if self.index is None else self.index}"

    def epoch(self, place: int) -> str:
        """The epoch of a picture in words."""
        match = _EPOCH.match(self.pictures[place].stem)
        return f"epoch {int(match[1])}" if match else escape_name(self.pictures[place].stem)


@dataclass(frozen=True)
class SampleList:
    """Samples as a source of a row list, the newest run first."""

    root: Path
    samples: Sequence[Sample]
    columns: Sequence[Column] = (
        Column("sample", keep_end=True),
        Column("run", _RUN_WIDTH, keep_end=True),
    )
    noun: str = "samples"

    def count(self) -> int:
        return len(self.samples)

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        return [
            (sample.name.rpartition("/")[2], sample.run)
            for sample in self.samples[offset : offset + limit]
        ]

    def name(self, index: int) -> str | None:
        """The key of a row."""
        return self.samples[index].key

    def path(self, index: int) -> Path:
        """The newest picture of a row."""
        return self.samples[index].pictures[-1]

    def find(self, name: str) -> int:
        """The row of a key, 0 where it is not listed."""
        return next((n for n, sample in enumerate(self.samples) if sample.key == name), 0)


def list_reconstructions(checkpoints: Path, cancelled: Callable[[], bool]) -> SampleList:
    """List the samples of every run, in a worker thread. Raises OSError when `checkpoints` cannot be read."""
    return SampleList(checkpoints, tuple(_samples(checkpoints, cancelled)))


def _samples(checkpoints: Path, cancelled: Callable[[], bool]) -> Iterator[Sample]:
    from fext_engine.training.sample_grid import read_grid

    runs = [p for p in checkpoints.iterdir() if p.is_dir() and not p.name.startswith(".")]
    for run in sorted(runs, key=lambda p: p.stat().st_mtime_ns, reverse=True):
        pictures = tuple(sorted((run / "samples").glob("*.png"), key=_in_order))
        if cancelled():
            return
        if not pictures:
            continue
        grid, name = read_grid(pictures[-1]), escape_name(run.name)
        if grid is None:
            yield Sample(name, pictures)
        else:
            yield from (Sample(name, pictures, grid, index) for index in range(grid.count))


def _in_order(path: Path) -> tuple[int, str]:
    match = _EPOCH.match(path.stem)
    return (int(match[1]) if match else -1, path.name)
