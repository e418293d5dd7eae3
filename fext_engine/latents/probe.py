"""The verb `probe`: how well latent vectors tell classes apart, by k nearest neighbours and a linear probe."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.job import Job
from fext_engine.latents.components import principal_components
from fext_engine.latents.distance import Numbers, Vectors
from fext_engine.latents.encoding import open_encoding
from fext_engine.latents.search import nearest
from fext_engine.paths import escape_name
from fext_engine.workspace import write_atomic

REPORT = "probe.json"
FOLDS = 5
NEIGHBOURS = 5
FEWEST = 10
"""Images that a class needs to count."""

MOST_IMAGES = 20_000
"""Images that are probed; of larger encodings as many are drawn."""

MOST_DIMENSIONS = 512
"""Dimensions that the linear probe works in; longer vectors are projected on their principal components."""

_SEED = 42
_PENALTY = 1.0  # of the squared weights against the sum of the losses: the usual C = 1
_ITERATIONS = 200

Matrix = NDArray[np.float64]
Step = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and of how much; it may raise to stop."""


@dataclass(frozen=True)
class Probe:
    """Accuracies are shares of the images whose class is told right, each by a model that has not seen it."""

    images: int
    classes: int
    dimensions: int
    majority: float
    """What naming the largest class every time would reach."""
    knn: float
    knn_spread: float
    """Standard deviation over the folds."""
    linear: float
    linear_spread: float
    folds: int
    neighbours: int
    small_classes: int
    """Classes that were left out for having fewer than 10 images."""


def probe(job: Job) -> dict[str, Any]:
    """Probe an encoding whose images lie in sub-folders by class. Argument: `encoding`, its name or folder.

    Leaves probe.json in the encoding's folder. Returns the figures of `Probe`.
    """
    encoding = open_encoding(job.workspace.find_encoding(str(job.arguments["encoding"])))

    def step(stage: str, done: int, total: int) -> None:
        job.progress(stage, done, total, "folds")
        if job.stop_requested:
            raise JobStopped("stopped; the probe was not finished", "probe again from the start")

    found = probe_vectors(encoding.vectors, [class_of(file.path) for file in encoding.rows], step)
    manifest = encoding.manifest
    made = {"run": manifest.run, "checkpoint": manifest.checkpoint.model_dump(), "pooling": manifest.pooling}
    file = encoding.folder / REPORT
    try:
        write_atomic(file, json.dumps({**made, **asdict(found)}, indent=1) + "\n")
        job.artifact(file, "report")
    except OSError as error:
        job.log(f"{escape_name(str(file))} cannot be written: {error.strerror or error}", "warning")
    return {"encoding": escape_name(encoding.name), **asdict(found)}


def class_of(path: str) -> str:
    """The class of an image: the folder it lies in, relative to the encoded one; empty for that one itself."""
    return path.rpartition("/")[0]


def probe_vectors(vectors: Vectors, classes: Sequence[str], step: Step | None = None) -> Probe:
    """Probe vectors (N, D) by the classes of their rows, in 5 stratified folds, the same for every run.

    k-NN takes the majority of the 5 nearest by cosine distance, of tied classes the one that is nearer. The linear
    probe is multinomial logistic regression with an L2 penalty of 1/2 |w|^2, on values whose mean is 0 and whose
    average variance is 1. Rows that are not finite are left out. Raises FextError where fewer than two classes have
    10 images.
    """
    tell = step or (lambda stage, done, total: None)
    rows, labels, small = _choose(vectors, classes)
    folds = stratified_folds(labels, FOLDS)
    features = _features(vectors, rows)
    knn, linear = [], []
    for fold in range(FOLDS):
        tell("probing", fold, FOLDS)
        held = folds == fold
        guess = classify_by_neighbours(vectors, rows[~held], labels[~held], rows[held])
        knn.append(float((guess == labels[held]).mean()))
        guess = _classify_linearly(features[~held], labels[~held], features[held])
        linear.append(float((guess == labels[held]).mean()))
    tell("probing", FOLDS, FOLDS)
    sizes = np.bincount(folds, minlength=FOLDS)
    counts = np.bincount(labels)
    return Probe(
        images=len(rows), classes=len(counts), dimensions=vectors.shape[1], majority=float(counts.max() / len(rows)),
        knn=float(np.average(knn, weights=sizes)), knn_spread=float(np.std(knn)),
        linear=float(np.average(linear, weights=sizes)), linear_spread=float(np.std(linear)),
        folds=FOLDS, neighbours=NEIGHBOURS, small_classes=small,
    )  # fmt: skip


def stratified_folds(labels: Numbers, count: int) -> Numbers:
    """A fold from 0 for each label; each class is spread evenly over the folds, in a seeded order."""
    folds = np.empty(len(labels), np.int64)
    shuffled = np.random.default_rng(_SEED).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds[order] = np.arange(len(labels)) % count
    return folds


def classify_by_neighbours(vectors: Vectors, known: Numbers, labels: Numbers, rows: Numbers) -> Numbers:
    """The class that most of the nearest `known` rows, ascending, have, for each of `rows`; `labels` are of `known`."""
    queries = np.asarray(vectors[rows], np.float32)
    found = nearest(vectors, queries, NEIGHBOURS, "cosine", among=known).rows
    votes = labels[np.searchsorted(known, found)]
    counts = (votes[:, :, None] == votes[:, None, :]).sum(2)
    return np.take_along_axis(votes, counts.argmax(1)[:, None], axis=1)[
        :, 0
    ]  # the first of the largest is nearest


def fit_logistic(features: Matrix, labels: Numbers, classes: int) -> tuple[Matrix, Matrix]:
    """Weights (D, K) and intercepts (K,) that minimise the summed cross-entropy + 1/2 |weights|^2."""
    from scipy.optimize import minimize

    count, dimensions = features.shape
    wanted = np.zeros((count, classes))
    wanted[np.arange(count), labels] = 1

    def loss(parameters: Matrix) -> tuple[float, Matrix]:
        weights = parameters[:-classes].reshape(dimensions, classes)
        logits = features @ weights + parameters[-classes:]
        logits -= logits.max(1, keepdims=True)
        sums = np.exp(logits).sum(1, keepdims=True)
        logits -= np.log(sums)
        value = -logits[np.arange(count), labels].sum() + _PENALTY / 2 * (weights**2).sum()
        error = np.exp(logits) - wanted
        slope = features.T @ error + _PENALTY * weights
        return float(value), np.concatenate([slope.ravel(), error.sum(0)])

    start = np.zeros((dimensions + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}).x
    return found[:-classes].reshape(dimensions, classes), found[-classes:]


def _classify_linearly(known: Matrix, labels: Numbers, features: Matrix) -> Numbers:
    # One scale for all dimensions, as turning them must change nothing: each on its own would blow up the noise of
    # the smallest principal components.
    mean, scale = known.mean(0), float(np.sqrt(known.var(0).mean())) or 1.0
    weights, intercepts = fit_logistic((known - mean) / scale, labels, int(labels.max()) + 1)
    return np.asarray(((features - mean) / scale @ weights + intercepts).argmax(1))


def _choose(vectors: Vectors, classes: Sequence[str]) -> tuple[Numbers, Numbers, int]:
    """The ascending rows to probe, the class number of each, and how many classes are too small."""
    sizes = Counter(classes)
    names = sorted(name for name, size in sizes.items() if size >= FEWEST)
    if len(names) < 2:
        raise FextError(
            f"classes of {FEWEST} images or more: {len(names)}, and a probe needs two",
            "encode a folder whose sub-folders are classes",
        )
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers.get(name, -1) for name in classes])
    rows = np.flatnonzero(labels >= 0)
    if len(rows) > MOST_IMAGES:
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, MOST_IMAGES, replace=False))
    rows = rows[_finite(vectors, rows)]
    # Drawn or not finite, a class may have shrunk below what the folds need.
    kept = np.bincount(labels[rows], minlength=len(names)) >= FOLDS
    rows = rows[kept[labels[rows]]]
    if kept.sum() < 2:
        raise FextError("too few rows are finite to be probed", "the run has diverged: train anew")
    return rows, (np.cumsum(kept) - 1)[labels[rows]], len(sizes) - int(kept.sum())


def _finite(vectors: Vectors, rows: Numbers) -> NDArray[np.bool_]:
    return np.array([bool(np.isfinite(vectors[row]).all()) for row in rows.tolist()], bool)


def _features(vectors: Vectors, rows: Numbers) -> Matrix:
    """(n, D') in float64."""
    if vectors.shape[1] <= MOST_DIMENSIONS:
        return np.asarray(vectors[rows], np.float64)
    components = principal_components(vectors, MOST_DIMENSIONS)
    return components.project(vectors)[rows].astype(np.float64)
