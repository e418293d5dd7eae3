"""From scores to the ranked list: calibration on held-out normal images, flags, and what labels say of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError
from fext_engine.latents.anomaly.calibration import Scale, most_unusual, tail_probability, threshold
from fext_engine.latents.anomaly.detection import PixelCurve, auroc, average_precision
from fext_engine.latents.anomaly.labels import GOOD, Label
from fext_engine.latents.anomaly.normals import needed
from fext_engine.latents.anomaly.results import SCORES, Detection, Line, PixelDetection
from fext_engine.latents.anomaly.scoring import Scores
from fext_engine.latents.anomaly.subjects import Subjects

Floats = NDArray[np.float64]
ALL = "all"


@dataclass(frozen=True)
class Ranking:
    """The images of the encoding with all their scores, by row (n,); NaN where there is none."""

    score: Floats
    """Of the most unusual of all scores the robust z."""
    strongest: NDArray[np.int64]
    """Which of SCORES that is."""
    values: dict[str, Floats]
    tails: dict[str, Floats]
    """Tail probabilities of each of SCORES, and of `score`."""
    thresholds: dict[str, float]
    calibrated: int
    unseen: bool

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Those beyond the threshold of `score`."""
        return self.score > self.thresholds["score"]

    @property
    def order(self) -> NDArray[np.int64]:
        """Rows with a score, the most anomalous first."""
        order = np.argsort(-self.score, kind="stable")
        return order[np.isfinite(self.score[order])]


def rank(scores: Scores, subjects: Subjects, rate: float) -> Ranking:
    """Put scores on one scale, and judge them by those of normal images.

    Of the normal images those that the model was not trained on count alone, where there are enough: its
    reconstructions of the others are better than of new ones. Raises FextError when too few have scores.
    """
    readable = np.all([np.isfinite(scores.values[name][subjects.normal]) for name in SCORES], axis=0)
    unseen = readable & subjects.normals.unseen
    is_unseen = int(unseen.sum()) >= needed(rate)
    chosen = subjects.normal[unseen if is_unseen else readable]
    if len(chosen) < needed(rate):
        raise FextError(
            f"{len(chosen)} normal images have scores, and a false-positive rate of {rate:g} needs {needed(rate)}",
            "encode more normal images, or allow a higher --false-positive-rate",
        )
    values = [scores.values[name] for name in SCORES]
    score, strongest = most_unusual(values, [Scale.of(v[chosen]) for v in values])
    named = {**scores.values, "score": score}
    count = subjects.rows
    return Ranking(
        score[:count],
        strongest[:count],
        {name: scores.values[name][:count] for name in SCORES},
        {name: tail_probability(v[:count], v[chosen]) for name, v in named.items()},
        {name: threshold(v[chosen], rate) for name, v in named.items()},
        len(chosen),
        is_unseen,
    )


def table(
    ranking: Ranking, scores: Scores, subjects: Subjects, labels: Sequence[Label | None]
) -> list[Line]:
    """The lines of scores.csv; masks of a labelled folder are left out."""
    files = subjects.encoding.files
    nothing = (math.nan,) * len(SCORES)

    def kind(i: int) -> str:
        label = labels[i]
        return label.kind if label else ""

    lines = [
        Line(
            number, row, files[row].path, kind(row), "ok", "", bool(ranking.flagged[row]),
            SCORES[ranking.strongest[row]], float(ranking.score[row]), float(ranking.tails["score"][row]),
            tuple(float(ranking.values[name][row]) for name in SCORES),
            tuple(float(ranking.tails[name][row]) for name in SCORES),
        )
        for number, row in enumerate(ranking.order.tolist(), start=1)
    ]  # fmt: skip
    for i, file in enumerate(files):
        if i in subjects.masks or (i < subjects.rows and np.isfinite(ranking.score[i])):
            continue
        fault = scores.faults.get(i)
        status, reason = (fault.status, fault.reason) if fault else (file.status, file.reason)
        row = None if file.row is None else i
        lines.append(
            Line(None, row, file.path, kind(i), status, reason, False, "", math.nan, math.nan, nothing, nothing)
        )
    return lines


def judge(ranking: Ranking, labels: Sequence[Label | None]) -> list[Detection]:
    """AUROC and average precision of every score, for each kind of defect and for all, where there are labels."""
    tested = [label.kind if label and label.tested else "" for label in labels[: len(ranking.score)]]
    kinds = np.array(tested, dtype=str)
    kinds[~np.isfinite(ranking.score)] = ""
    good, bad = kinds == GOOD, (kinds != GOOD) & (kinds != "")
    found = []
    for kind in (ALL, *sorted(set(kinds[bad].tolist()))):
        chosen = bad if kind == ALL else kinds == kind
        if not good.any() or not chosen.any():
            continue
        both = good | chosen
        for name, values in {"score": ranking.score, **ranking.values}.items():
            area, precision = auroc(values[both], chosen[both]), average_precision(values[both], chosen[both])
            found.append(
                Detection(
                    score=name, kind=kind, anomalies=int(chosen.sum()), good=int(good.sum()),
                    auroc=area, average_precision=precision,
                )
            )  # fmt: skip
    return found


def judge_pixels(curves: Mapping[str, PixelCurve]) -> list[PixelDetection]:
    """Pixel AUROC of the heat maps, for each kind of defect that has masks beside the good images, and for all."""
    good = curves.get(GOOD, PixelCurve())
    kinds = {kind: curve for kind, curve in sorted(curves.items()) if kind != GOOD}
    if not kinds:
        return []
    whole = sum(kinds.values(), start=good)
    judged = {ALL: whole, **{kind: good + curve for kind, curve in kinds.items()}}
    return [PixelDetection(kind=kind, images=c.images, auroc=c.auroc) for kind, c in judged.items()]


def count_faults(lines: Sequence[Line]) -> dict[str, int]:
    """Files without a score by their status."""
    return dict(sorted(Counter(line.status for line in lines if line.rank is None).items()))
