"""The verb `search` as a job: the images of an encoding nearest to any image file, which the run's encoder sees now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fext_engine.jobs.job import Job
from fext_engine.latents.distance import Metric
from fext_engine.latents.encoding import open_encoding
from fext_engine.latents.query import find_query
from fext_engine.latents.similar import similar
from fext_engine.paths import escape_name, unescape_name
from fext_engine.training.run_folder import write_csv

RESULTS = "similar.csv"


def search_file(job: Job) -> dict[str, Any]:
    """Search an encoding. Arguments: `encoding` and `image`, escaped paths; `top` and `metric`, optional.

    Leaves similar.csv (rank, distance, path) in the job's folder. Raises FextError when the image cannot be
    read, or the weights that made the encoding are gone.
    """
    encoding = open_encoding(job.workspace.find_encoding(unescape_name(str(job.arguments["encoding"]))))
    image = Path(unescape_name(str(job.arguments["image"])))
    metric: Metric = job.arguments.get("metric") or "cosine"
    job.belongs_to(encoding.manifest.run)
    query = find_query(encoding, image, job.workspace, job.settings.device)
    rows, distances = similar(encoding, query, int(job.arguments.get("top") or 10), metric).nearest
    results = job.folder / RESULTS
    found = enumerate(zip(rows[0].tolist(), distances[0].tolist(), strict=True), 1)
    lines: list[tuple[object, ...]] = [(rank, distance, encoding.rows[row].path) for rank, (row, distance) in found]
    write_csv(results, ("rank", "distance", "path"), lines)
    job.artifact(results, "table")
    return {
        "encoding": escape_name(encoding.name), "image": escape_name(str(image)), "metric": metric,
        "found": len(lines), "results": escape_name(str(results)),
    }  # fmt: skip
