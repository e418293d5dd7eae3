"""The verb `map`: an encoding's rows in two dimensions, as a figure and a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fext_engine.errors import FextError, JobStopped, room_to_write
from fext_engine.evaluation.embeddings import component_labels, save_points
from fext_engine.jobs.job import Job
from fext_engine.latents.encoding import Encoding, open_encoding
from fext_engine.latents.map import Map, Method, compute_map, load_map, store_map
from fext_engine.latents.probe import class_of
from fext_engine.latents.splits import splits_of
from fext_engine.paths import escape_name
from fext_engine.training.run_folder import write_csv
from fext_engine.workspace import atomic_file

FIGURE, TABLE = "map.png", "map.csv"


def draw_map(job: Job) -> dict[str, Any]:
    """Map an encoding. Arguments: `encoding`; `method`, `pca` or `umap`; `colour`, `class` or `split`; `output`.

    Leaves map.npz and map.csv (row, path, x, y, class) in the encoding's folder, and the figure there or at `output`. A
    stored map of the same method and vectors is taken as it is.
    """
    encoding = open_encoding(job.workspace.find_encoding(str(job.arguments["encoding"])))
    method: Method = job.arguments.get("method") or "pca"
    output = job.arguments.get("output")
    figure = Path(str(output)) if output else encoding.folder / FIGURE
    by_split = job.arguments.get("colour") == "split"
    groups = splits_of(encoding, job.workspace) if by_split else _classes(encoding)

    def progress(done: int, total: int) -> None:
        job.progress("finding components", done, total, "passes")
        if job.stop_requested:
            raise JobStopped("stopped; nothing was kept", "start it again")

    made = load_map(encoding, method)
    if made is None:
        made = compute_map(encoding, method, progress)
        store_map(encoding, made)
    _write(encoding, made, figure, groups)
    for file, kind in ((encoding.folder / TABLE, "table"), (figure, "figure")):
        job.artifact(file, kind)
    x_variance, y_variance = made.variance or ("", "")
    return {
        "encoding": escape_name(encoding.name), "method": method, "rows": len(made.points),
        "figure": escape_name(str(figure)), "x_variance": x_variance, "y_variance": y_variance,
    }  # fmt: skip


def _classes(encoding: Encoding) -> list[str]:
    return [class_of(file.path) for file in encoding.rows]


def _write(encoding: Encoding, made: Map, figure: Path, groups: list[str]) -> None:
    """Write figure and table, each whole or not at all."""
    labels = component_labels(made.variance) if made.variance else ("", "")
    title = f"{escape_name(encoding.name)}, {made.method.upper()}".replace("$", r"\$")
    finite = np.isfinite(made.points).all(axis=1)
    chosen = np.array(groups)[finite].tolist()
    try:
        write_csv(
            encoding.folder / TABLE,
            ("row", "path", "x", "y", "class"),
            [
                (row, file.path, x, y, class_of(file.path))
                for row, (file, (x, y)) in enumerate(zip(encoding.rows, made.points.tolist(), strict=True))
            ],
        )
        with atomic_file(figure) as opened:
            save_points(opened, made.points[finite], title, labels, chosen)
    except OSError as error:
        place = escape_name(str(error.filename or figure))
        raise FextError(
            f"cannot write {place}: {error.strerror or error}", f"{room_to_write(error)}; or choose another --output"
        ) from error
