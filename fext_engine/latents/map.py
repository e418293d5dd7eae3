"""The map of an encoding: its rows in two dimensions, stored beside them."""

from __future__ import annotations

import importlib.util
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from fext_engine.arrays import read_npz
from fext_engine.documents import parse_json
from fext_engine.errors import FextError, room_to_write
from fext_engine.latents.components import principal_components
from fext_engine.latents.distance import Floats, Vectors
from fext_engine.latents.encoding import Encoding
from fext_engine.latents.search import Progress
from fext_engine.latents.stamp import Stamp, is_fresh, stamp_of
from fext_engine.paths import escape_name
from fext_engine.workspace import atomic_file

Method = Literal["pca", "umap"]
METHODS: tuple[Method, ...] = get_args(Method)

MAP = "map.npz"
_INSTALL = "install it with `./run.sh setup map` or `pip install 'fext[map]'`, or use --method pca"
_REDUCED = 50  # dimensions that UMAP works in: more cost time and bring little
_FEWEST = 10  # rows that UMAP can make something of


@dataclass(frozen=True)
class Map:
    """Where each row of an encoding lies."""

    points: Floats
    """(N, 2): x and y of each row; not a number where the row is not finite."""
    method: Method
    variance: tuple[float, float] | None
    """The shares of the variance that x and y have; None for UMAP."""
    parameters: dict[str, Any]
    """What the method was told."""


def load_map(encoding: Encoding, method: Method | None = None) -> Map | None:
    """The stored map, of any method or the one asked for; None where there is none that fits the vectors."""
    try:
        stored = read_npz(encoding.folder / MAP)
        points, about = stored["points"], parse_json(str(stored["about"]))
        stamp = Stamp.model_validate(about["stamp"])
        variance = tuple(map(float, about["variance"])) if about["variance"] else None
        if variance is not None and len(variance) != 2:
            raise ValueError("a map has two axes")
        found = Map(points, about["method"], variance, dict(about["parameters"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # damaged, or of another version: it is made anew
    fits = points.shape == (len(encoding.rows), 2) and points.dtype == np.float32
    if not fits or found.method not in METHODS or method not in (None, found.method):
        return None
    return found if is_fresh(encoding, stamp) else None


def load_or_compute_map(
    encoding: Encoding, method: Method | None = None, progress: Progress | None = None
) -> Map:
    """The stored map where it fits, else a new one (PCA unless another is asked for), which is stored.

    A folder that cannot be written is no reason to fail. Raises FextError when there are too few rows, or the
    library of the method is missing.
    """
    stored = load_map(encoding, method)
    if stored:
        return stored
    made = compute_map(encoding, method or "pca", progress)
    with suppress(FextError):
        store_map(encoding, made)
    return made


def compute_map(encoding: Encoding, method: Method, progress: Progress | None = None) -> Map:
    """Compute the map; the same vectors give the same map."""
    if len(encoding.rows) < 2:
        raise FextError(f"{escape_name(encoding.name)} has too few rows for a map", "encode more images")
    vectors = encoding.vectors
    if method == "umap":
        return _umap(vectors, progress)
    components = principal_components(vectors, 2, progress)
    points = np.zeros((len(vectors), 2), np.float32)  # a single dimension has no y
    points[:, : components.axes.shape[1]] = components.project(vectors)
    shares = [*components.shares.tolist(), 0.0, 0.0]
    return Map(points, "pca", (shares[0], shares[1]), {})


def store_map(encoding: Encoding, made: Map) -> None:
    """Write the map into the encoding's folder; raises FextError when it cannot be."""
    about = {
        "method": made.method, "variance": made.variance, "parameters": made.parameters,
        "stamp": stamp_of(encoding).model_dump(),
    }  # fmt: skip
    file = encoding.folder / MAP
    try:
        with atomic_file(file) as opened:
            np.savez(opened, points=made.points, about=np.array(json.dumps(about)))
    except OSError as error:
        raise FextError(
            f"cannot write {escape_name(str(file))}: {error.strerror or error}",
            room_to_write(error),
        ) from error


def _umap(vectors: Vectors, progress: Progress | None) -> Map:
    """After McInnes, Healy and Melville, "UMAP" (2018), on the first 50 principal components."""
    if importlib.util.find_spec("umap") is None:
        raise FextError("UMAP needs umap-learn, which is not installed", _INSTALL)
    reduced = principal_components(vectors, _REDUCED, progress).project(vectors)
    sound = np.isfinite(reduced).all(axis=1)
    if sound.sum() < _FEWEST:
        raise FextError(f"UMAP needs {_FEWEST} images or more", "encode more images, or use --method pca")
    from umap import UMAP  # compiles itself for seconds

    parameters = {
        "n_neighbors": int(min(15, sound.sum() - 1)), "min_dist": 0.1, "metric": "euclidean", "random_state": 42,
    }  # fmt: skip
    points = np.full((len(vectors), 2), np.nan, np.float32)
    points[sound] = UMAP(**parameters, n_jobs=1).fit_transform(reduced[sound])
    return Map(points, "umap", None, {**parameters, "principal_components": reduced.shape[1]})
