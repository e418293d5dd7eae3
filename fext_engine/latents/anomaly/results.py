"""The results on disk, read without torch: the ranked list, the summary, and heat maps."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from fext_engine.arrays import map_rows
from fext_engine.documents import require_file
from fext_engine.errors import FextError
from fext_engine.images.scan import stays_below
from fext_engine.latents.encoding import ROWS
from fext_engine.latents.manifest import LARGEST, Checkpoint, Part
from fext_engine.paths import escape_name

FOLDER, TABLE, SUMMARY, MAPS = "anomalies", "scores.csv", "summary.json", "heat_maps.npy"
SCORES = ("mae", "structure", "knn", "mahalanobis", "patches")
"""Names of the scores, in the order of the table's columns."""

_FIRST = ("rank", "row", "path", "label", "status", "reason", "flagged", "strongest", "score", "tail")
HEADER = (*_FIRST, *SCORES, *(f"{name}_tail" for name in SCORES))
_AGAIN = "run `fext anomalies` again"
FORMAT = 1


class Line(NamedTuple):
    """One line of scores.csv: an image with its scores, or a file without any and the reason."""

    rank: int | None
    """From 1, the most anomalous; None without a score."""
    row: int | None
    """Of the encoding's vectors."""
    path: str
    """Relative to the encoded folder, escaped."""
    label: str
    """What its folder calls it; empty where that says nothing."""
    status: str
    """`ok`, or why there is no score: a kind of fault, or `changed` since it was encoded."""
    reason: str
    flagged: bool
    strongest: str
    """The name in SCORES of the one that the image is most unusual by, be it high or low."""
    score: float
    """Of that one the robust z: standard deviations from the normal images' median, by logarithms. Those below
    count two thirds."""
    tail: float
    """The chance that a normal image scores as high."""
    scores: tuple[float, ...]
    """In the order of SCORES; higher is more anomalous."""
    tails: tuple[float, ...]

    @property
    def cells(self) -> tuple[str | int, ...]:
        """The line, in the order of HEADER; what there is not is empty."""
        rank, row = ("" if number is None else number for number in (self.rank, self.row))
        numbers = ["" if math.isnan(v) else f"{v:.6g}" for v in (self.score, self.tail, *self.scores, *self.tails)]
        words = self.path, self.label, self.status, self.reason, int(self.flagged), self.strongest
        return (rank, row, *words, *numbers)

    @classmethod
    def parse(cls, cells: list[str]) -> Line:
        """The line of these cells; raises ValueError when they are none."""
        rank, row, path, label, status, reason, flagged, strongest, *texts = cells
        if len(texts) != 2 + 2 * len(SCORES):
            raise ValueError(f"{len(cells)} cells in place of {len(HEADER)}")
        if not stays_below(path):
            raise ValueError(f"{escape_name(path)} leads out of the encoded folder")
        score, tail, *values = (float(text) if text else math.nan for text in texts)
        middle = len(SCORES)
        return cls(
            int(rank) if rank else None, int(row) if row else None, path, label, status, reason,
            flagged == "1", strongest, score, tail, tuple(values[:middle]), tuple(values[middle:]),
        )  # fmt: skip


class Reference(Part):
    """What was taken as normal."""

    source: str
    encoding: str
    images: int
    """Normal images in all."""
    fitted: int
    """Those of them that the patches are compared with."""
    calibrated: int
    """Held-out scores that tail probabilities and thresholds are made of."""
    unseen: bool
    """Whether these are of images that the model was not trained on."""


class Detection(Part):
    """How well one score finds one kind of defect among the labelled images."""

    score: str
    """A name of SCORES, or `score` for all in one."""
    kind: str
    """A kind of defect, or `all`."""
    anomalies: int
    good: int
    auroc: float | None
    average_precision: float | None


class PixelDetection(Part):
    """How well heat maps find the pixels of the masks."""

    kind: str
    images: int
    auroc: float | None


class Summary(Part):
    """The document summary.json."""

    format: int = FORMAT
    encoding: str
    rows_digest: str
    """SHA-256 of the encoding's rows.csv when it was scored, in hexadecimal."""
    run: str
    checkpoint: Checkpoint
    reference: Reference
    false_positive_rate: float
    thresholds: dict[str, float]
    """Of each score, and of `score`; beyond the last an image is flagged."""
    scored: int = Field(ge=0)
    flagged: int
    without_score: dict[str, int]
    """Files by their status."""
    detection: tuple[Detection, ...] = ()
    pixel_detection: tuple[PixelDetection, ...] = ()
    heat_maps: tuple[int, int, int] | None = None
    """Shape of the stored heat maps (rows, H, W)."""
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: dict[str, str]


@dataclass(frozen=True)
class Anomalies:
    """Everything that `fext anomalies` found. Open it with `read_anomalies`."""

    folder: Path
    summary: Summary
    lines: tuple[Line, ...]
    """The most anomalous first; files without a score last."""

    @property
    def ranked(self) -> tuple[Line, ...]:
        """The images with a score."""
        return self.lines[: self.summary.scored]

    @property
    def is_current(self) -> bool:
        """Whether the encoding's rows are still those that were scored; raises FextError when it is gone."""
        return digest_rows(self.folder.parent) == self.summary.rows_digest

    def heat_map(self, row: int) -> NDArray[np.float32] | None:
        """Where the image of a row of the encoding is unusual: (H, W), 1 and above is rare in normal images.

        None where no heat map is stored; raises FextError when the file is damaged.
        """
        file = self.folder / MAPS
        shape = self.summary.heat_maps
        if shape is None or not 0 <= row < shape[0]:
            return None
        try:
            found = np.asarray(map_rows(file, shape, np.dtype(np.float16))[row], np.float32)
        except (OSError, ValueError) as error:
            raise FextError(f"cannot read {escape_name(str(file))}: {error}", _AGAIN) from error
        return None if np.isnan(found).any() else found


def digest_rows(encoding: Path) -> str:
    """SHA-256 of an encoding's rows.csv; raises FextError when it cannot be read."""
    file = encoding / ROWS
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        name = escape_name(str(file))
        raise FextError(f"cannot read {name}: {error.strerror or error}", "encode the folder again") from error


def write_table(file: Path, lines: Iterable[Line]) -> None:
    """Write scores.csv."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(line.cells for line in lines)


def read_anomalies(folder: Path) -> Anomalies:
    """Read the results in a folder, `<encoding>/anomalies`.

    Raises FextError that names the file and what is wrong with it.
    """
    summary = _read_summary(folder / SUMMARY)
    lines = tuple(_read_table(folder / TABLE))
    if [line.rank for line in lines[: summary.scored]] != list(range(1, summary.scored + 1)):
        raise FextError(
            f"{escape_name(str(folder / TABLE))} does not rank the {summary.scored} images of its summary",
            _AGAIN,
        )
    return Anomalies(folder, summary, lines)


def _read_summary(file: Path) -> Summary:
    name = escape_name(str(file))
    try:
        require_file(file)
        if file.stat().st_size > LARGEST:
            raise FextError(f"{name} is too large for a summary", _AGAIN)
        summary = Summary.model_validate_json(file.read_bytes())
    except OSError as error:
        raise FextError(f"cannot read {name}: {error.strerror or error}", _AGAIN) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FextError(f"{name} is no summary of anomalies: {where} {first['msg']}", _AGAIN) from error
    if summary.format > FORMAT:
        raise FextError(f"{name} was written by a newer FeXT", "update FeXT")
    return summary


def _read_table(file: Path) -> Iterator[Line]:
    name, number = escape_name(str(file)), 1
    try:
        require_file(file)
        with file.open(newline="", encoding="utf-8") as opened:
            lines = csv.reader(opened)
            if tuple(next(lines, ())) != HEADER:
                raise ValueError("its header is another")
            for cells in lines:
                number = lines.line_num
                yield Line.parse(cells)
    except OSError as error:
        raise FextError(f"cannot read {name}: {error.strerror or error}", _AGAIN) from error
    except (ValueError, csv.Error) as error:
        raise FextError(f"{name} is no table of anomalies, line {number}: {error}", _AGAIN) from error
