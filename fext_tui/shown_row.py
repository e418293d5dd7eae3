"""What is shown of a row of the Viewer's lists: what reads its figure and what reads its facts, in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fext_tui.figure import LONGEST_SIDE, Reader, read_picture, read_sample
from fext_tui.reconstructions import SampleList

if TYPE_CHECKING:
    from fext_tui.epochs import EpochCursor
    from fext_tui.figure import Figure
    from fext_tui.listing import Pictures
    from fext_tui.widgets.fact_list import Reader as FactReader


@runtime_checkable
class Explained(Protocol):
    """A list that knows more of its rows than their files."""

    @property
    def title(self) -> str:
        """What the list is, for the title line."""
        ...

    def path(self, index: int) -> Path:
        """The true path of a row."""
        ...

    def caption(self, index: int) -> str:
        """What stands before the name on a contact sheet."""
        ...

    def figure(self, index: int, longest: int | None) -> Figure:
        """What is shown of a row, its pictures reduced to `longest` pixels; read in a worker thread."""
        ...

    def facts(self, index: int) -> Sequence[tuple[str, str]]:
        """What the list knows of a row, in words."""
        ...


def figure_reader(pictures: Pictures, index: int, epochs: EpochCursor, *, full: bool = False) -> Reader:
    """What makes the figure of a row; `full` at its own size."""
    longest = None if full else LONGEST_SIDE
    if isinstance(pictures, SampleList):
        sample = pictures.samples[index]
        return partial(read_sample, sample, epochs.at(sample))
    if isinstance(pictures, Explained):
        return partial(pictures.figure, index, longest)
    return partial(read_picture, pictures.path(index), longest)


def facts_reader(
    pictures: Pictures, index: int, epochs: EpochCursor, *, files: bool, database: Path
) -> FactReader:
    """What reads the facts of a row; `files` says that the rows are a user's images."""
    from fext_tui.image_facts import image_facts, plot_facts, sample_facts

    if isinstance(pictures, SampleList):
        sample = pictures.samples[index]
        return partial(sample_facts, sample, epochs.at(sample))
    path = pictures.path(index)
    if not files:
        return partial(plot_facts, path)
    of_file = partial(image_facts, path, pictures.root, pictures.name(index) or "", database)
    if isinstance(pictures, Explained):
        explained = pictures
        return lambda: [*explained.facts(index), ("", "File"), *of_file()]
    return of_file
