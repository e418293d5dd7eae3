"""The scores of every image, with normal images judged as if they were new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.job import Job
from fext_engine.latents.anomaly.folds import CrossFitted, assign_folds
from fext_engine.latents.anomaly.heat import HeatScale
from fext_engine.latents.anomaly.measures import Fault, Measurer, Measures
from fext_engine.latents.anomaly.neighbours import neighbour_distance
from fext_engine.latents.anomaly.normals import FEWEST
from fext_engine.latents.anomaly.results import SCORES
from fext_engine.latents.anomaly.subjects import Places, Subjects

NEIGHBOURS = 1
"""Nearest normal vectors that the k-NN score is the distance to; five found no more anomalies."""

_MOST_FITTED = 2000
_FITTED_BYTES = 2**28
"""Normal images whose features are fitted, at most, and what they may take in memory."""

_CHUNK = 1024
_NAMED = 100

OnHeat = Callable[[int, NDArray[np.float32]], None]
"""Called with a row of the encoding and its heat map (H, W)."""


@dataclass
class Scores:
    """The scores of M images, by place; NaN where an image has none."""

    values: dict[str, NDArray[np.float64]]
    """By the names of SCORES, (M,) each."""
    fitted: int = 0
    """Normal images that patches and pooled vectors are compared with."""
    faults: dict[int, Fault] = field(default_factory=dict)
    """By place."""


def score_all(job: Job, measurer: Measurer, subjects: Subjects, on_heat: OnHeat | None) -> Scores:
    """Score every image; each is decoded once.

    Raises FextError when fewer than FEWEST normal images can be read, JobStopped when the job was asked to.
    """
    work = _Work(job, measurer, subjects, on_heat)
    work.fit()
    work.score_others()
    work.score_vectors()
    return work.scores


class _Work:
    """The passes over the images, one after the other."""

    def __init__(self, job: Job, measurer: Measurer, subjects: Subjects, on_heat: OnHeat | None) -> None:
        self.job, self.measurer, self.subjects, self.on_heat = job, measurer, subjects, on_heat
        count = len(subjects.contents)
        self.scores = Scores({name: np.full(count, np.nan) for name in SCORES})
        self.folds: NDArray[np.int64]
        self.patches: CrossFitted
        self.pooled: CrossFitted
        self.scale: HeatScale | None = None
        self.fitted = self._choose()

    def fit(self) -> None:
        """Measure normal images, fit them without each fold, and score them."""
        found = list(self._measure("reading normal images", self.fitted))
        places = np.concatenate([places for places, _ in found] or [np.empty(0, np.int64)])
        self._require(places)
        features = np.concatenate([measures.features for _, measures in found])
        if not np.isfinite(features).all():
            raise FextError("the model gives values that are not finite", "train anew: the run has diverged")
        self.scores.fitted = len(places)
        self.folds = assign_folds(self.subjects.contents, places)
        count, height, width, channels = features.shape
        self.patches = CrossFitted.fit(
            features.reshape(count, height * width, channels), self.folds[places], self._pause
        )
        self.pooled = CrossFitted.fit(
            self.subjects.pooled(places)[:, None], self.folds[places], self._pause
        )
        distances = [self._distances(places, measures) for places, measures in found]
        if self.on_heat:
            errors = np.concatenate([measures.errors for _, measures in found])
            unseen = np.isin(places, self.subjects.normal[self.subjects.normals.unseen])
            chosen = unseen if unseen.sum() >= FEWEST else np.ones(count, bool)
            self.scale = HeatScale.of(np.concatenate(distances)[chosen], errors[chosen])
        for (places, measures), distance in zip(found, distances, strict=True):
            self._take(places, measures, distance)

    def score_others(self) -> None:
        """Measure and score the images that nothing was fitted to, batch by batch."""
        others = np.setdiff1d(self.subjects.wanted, self.fitted)
        for places, measures in self._measure("scoring", others):
            self._take(places, measures, self._distances(places, measures))

    def score_vectors(self) -> None:
        """Score the stored latent vectors: nearest neighbours and pooled Mahalanobis distance."""
        subjects, values = self.subjects, self.scores.values
        holder, rows = subjects.normals.encoding, subjects.normals.rows
        others = subjects.contents[subjects.normal]
        total = len(subjects.contents)
        for start in range(0, total, _CHUNK):
            places = np.arange(start, min(start + _CHUNK, total))
            distance = self.pooled.distances(subjects.pooled(places)[:, None], self.folds[places])
            values["mahalanobis"][places] = distance[:, 0]
            for encoding, first, chosen in subjects.by_encoding(places):
                queries, own = encoding.vectors[chosen], subjects.contents[chosen + first]
                distances = neighbour_distance(
                    holder.vectors, rows, queries, own, others, neighbours=NEIGHBOURS
                )
                values["knn"][chosen + first] = distances
            self.job.progress("comparing vectors", int(places[-1]) + 1, total)
            self._pause()

    def _choose(self) -> Places:
        """Normal images to fit: spread evenly, as many as memory allows."""
        normal = self.subjects.normal
        each = self.measurer.image_bytes
        most = min(len(normal), _MOST_FITTED, max(FEWEST, _FITTED_BYTES // each))
        spread: Places = normal[np.linspace(0, len(normal) - 1, most).astype(int)]
        return spread

    def _measure(self, stage: str, wanted: Places) -> Iterator[tuple[Places, Measures]]:
        done = 0
        for encoding, first, rows in self.subjects.by_encoding(wanted):
            for measures, faults in self.measurer.read(encoding, rows):
                for fault in faults:
                    self._note(fault, first)
                if measures is not None:
                    yield measures.rows + first, measures
                    done += len(measures.rows)
                done += len(faults)
                self.job.progress(stage, done, len(wanted))
                self._pause()

    def _distances(self, places: Places, measures: Measures) -> NDArray[np.float64]:
        """Mahalanobis distance of each position's features (N, h, w)."""
        count, height, width, channels = measures.features.shape
        features = measures.features.reshape(count, height * width, channels)
        distances = self.patches.distances(features, self.folds[places])
        return distances.reshape(count, height, width)

    def _take(self, places: Places, measures: Measures, distances: NDArray[np.float64]) -> None:
        values = self.scores.values
        values["mae"][places], values["structure"][places] = measures.mae, measures.structure
        values["patches"][places] = distances.max((1, 2))
        if self.on_heat and self.scale:
            for place, distance, error in zip(places.tolist(), distances, measures.errors, strict=True):
                if place < self.subjects.rows:
                    self.on_heat(place, self.scale.heat(distance, error))

    def _note(self, fault: Fault, first: int) -> None:
        encoding = self.subjects.encoding if not first else self.subjects.normals.encoding
        self.scores.faults[fault.row + first] = fault
        if len(self.scores.faults) <= _NAMED:
            path = encoding.rows[fault.row].path
            self.job.log(f"{path} has no score: {fault.status}, {fault.reason}", "warning")

    def _require(self, places: Places) -> None:
        different = len(np.unique(self.subjects.contents[places]))
        if different < FEWEST:
            raise FextError(
                f"only {different} different normal images can be read, and {FEWEST} are needed",
                "the log names the others; put them back, or encode more",
            )

    def _pause(self) -> None:
        if self.job.stop_requested:
            raise JobStopped("stopped; no score was kept", "start it again")
