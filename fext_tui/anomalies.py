"""The ranked anomalies of an encoding for the screen: scores, heat maps over the images, and the order of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fext_engine.errors import FextError
from fext_tui.encodings import EncodedPictures, KnownEncoding
from fext_tui.figure import Figure, read_picture
from fext_tui.widgets.columns import Column
from fext_tui.widgets.text import format_figure

if TYPE_CHECKING:
    from fext_engine.latents.anomaly.results import Anomalies, Line

FLAG = "!"
_RANK = "rank"


@dataclass(frozen=True, kw_only=True, eq=False)
class AnomalyPictures(EncodedPictures):
    """The scored images, by rank or in the order of another score."""

    anomalies: Anomalies
    lines: Sequence[Line]
    """In the order of the list."""
    is_current: bool
    """Whether the encoding is still the one that was scored."""
    order: str = _RANK
    descending: bool = False
    noun: str = "images"

    @property
    def value(self) -> str:
        """The column whose values stand beside the rank."""
        return _shown_value(self.order)

    def rows(self, offset: int, limit: int) -> Sequence[Sequence[str]]:
        value = self.value
        return [
            (str(line.rank), FLAG if line.flagged else "", _figure(value_of(line, value)), line.path)
            for line in self.lines[offset : offset + limit]
        ]

    def caption(self, index: int) -> str:
        """The score, and the mark of one beyond the threshold."""
        line = self.lines[index]
        return f"{FLAG * line.flagged}{_figure(line.score)}"

    def figure(self, index: int, longest: int | None) -> Figure:
        """The image, and beside it the heat map over it, where one is stored."""
        from fext_engine.latents.anomaly.heat import overlay

        line, picture = self.lines[index], read_picture(self.path(index), longest)
        flagged = " flagged" if line.flagged else ""
        caption = f"{line.rank}. score {_figure(line.score)}{flagged}  {picture.caption}"
        try:
            heat = None if line.row is None else self.anomalies.heat_map(line.row)
        except FextError as error:
            return replace(picture, caption=caption, info=str(error))
        if heat is None or not picture.panels:
            return replace(picture, caption=caption)
        panels = (*picture.panels, overlay(picture.panels[0], heat))
        size = picture.info.partition("  ")[0]
        about = f"{size}  heat up to {float(heat.max()):.3g}, 1 is rare in normal images"
        return Figure(panels, caption, about, picture.path, ("image", "heat map"))

    def facts(self, index: int) -> Sequence[tuple[str, str]]:
        """Each score of a row with its tail probability, and what it was compared with."""
        from fext_engine.latents.anomaly.results import SCORES

        line, summary = self.lines[index], self.anomalies.summary
        label = [("label", line.label)] if line.label else []
        return (
            ("", "Anomaly"), ("rank", f"{line.rank:,} of {len(self.lines):,}" if line.rank else ""), *label,
            ("score", _scored(line.score, line.tail)), ("strongest", line.strongest),
            *((name, _scored(*pair)) for name, *pair in zip(SCORES, line.scores, line.tails, strict=True)),
            ("flagged", f"{'yes' if line.flagged else 'no'}, from {_figure(summary.thresholds.get('score'))} on"),
            ("tail", "the chance that a normal image scores as high"),
            ("false alarms", f"{summary.false_positive_rate:.1%} of normal images are expected"),
            ("normal images", f"{summary.reference.images:,}, {summary.reference.source}"), *super().facts(index),
        )  # fmt: skip

    def sorted_by(self, column: str) -> AnomalyPictures:
        """In the order of a column: at first the highest scores on top; again the other way round."""
        descending = not self.descending if column == self.order else column not in (_RANK, "path", "label")
        lines = sorted(self.lines, key=lambda line: _key(line, column), reverse=descending)
        names = tuple(line.path for line in lines)
        return replace(self, names=names, lines=lines, columns=_columns(column), order=column, descending=descending)

    @property
    def sorted_column(self) -> int | None:
        """The shown column that decides the order; None where it has none."""
        return {_RANK: 0, self.value: 2, "path": 3}.get(self.order)

    @property
    def table(self) -> Path:
        """The file with all scores."""
        from fext_engine.latents.anomaly.results import TABLE

        return self.anomalies.folder / TABLE

    @property
    def sortable(self) -> Sequence[tuple[str, str]]:
        """The columns to sort by, and what they hold."""
        return COLUMNS


COLUMNS = (
    (_RANK, "1 is the most anomalous"), ("score", "of the strongest: standard deviations beyond normal images"),
    ("mae", "mean absolute error of the reconstruction"), ("structure", "1 - SSIM of the reconstruction"),
    ("knn", "distance to the nearest normal images"), ("mahalanobis", "distance to the normal images as a whole"),
    ("patches", "the most unusual place of the image"), ("path", "the file"), ("label", "what its folder calls it"),
)  # fmt: skip


def open_anomalies(known: KnownEncoding) -> AnomalyPictures:
    """The anomalies of an encoding, in a worker thread; raises FextError when they cannot be read."""
    from fext_engine.latents.anomaly.results import read_anomalies

    found = read_anomalies(results_of(known))
    lines = found.ranked
    current = found.is_current
    flagged = f"{found.summary.flagged:,} of {found.summary.scored:,} flagged"
    title = f"{'' if current else 'outdated · '}{flagged} · {known.name}"
    names = tuple(line.path for line in lines)
    return AnomalyPictures(
        known.images, names, columns=_columns(_RANK), encoding=known, title=title, anomalies=found, lines=lines,
        is_current=current,
    )  # fmt: skip


def results_of(known: KnownEncoding) -> Path:
    """Where the anomalies of an encoding are, if it has some."""
    from fext_engine.latents.anomaly.results import FOLDER

    return known.folder / FOLDER


def has_results(known: KnownEncoding) -> bool:
    """Whether an encoding's images were scored."""
    from fext_engine.latents.anomaly.results import SUMMARY

    return (results_of(known) / SUMMARY).is_file()


def value_of(line: Line, column: str) -> float:
    """A score of a line."""
    from fext_engine.latents.anomaly.results import SCORES

    return line.score if column == "score" else line.scores[SCORES.index(column)]


def _shown_value(order: str) -> str:
    return "score" if order in (_RANK, "path", "label") else order


def _columns(order: str) -> Sequence[Column]:
    value = _shown_value(order)
    shown = Column(value, max(7, len(value) + 2), "right")
    return Column("#", 6, "right"), Column("", 1), shown, Column("image", keep_end=True)


def _key(line: Line, column: str) -> Any:
    if column in (_RANK, "path", "label"):
        return getattr(line, column)
    value = value_of(line, column)
    return float("-inf") if isnan(value) else value


def _figure(value: float | None) -> str:
    return "" if value is None or isnan(value) else format_figure(value)


def _scored(value: float, tail: float) -> str:
    if isnan(value):
        return "none"
    return format_figure(value) if isnan(tail) else f"{format_figure(value)}, tail {tail:.2g}"
