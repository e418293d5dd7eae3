"""The verb `index`: an approximate index (HNSW) beside large encodings, with the recall it was measured to have."""

from __future__ import annotations

import importlib.util
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from fext_engine.documents import read_text
from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.job import Job
from fext_engine.latents.distance import Metric, Numbers, Vectors
from fext_engine.latents.encoding import Encoding, open_encoding
from fext_engine.latents.search import Nearest, nearest, rank
from fext_engine.latents.stamp import Stamp, is_fresh, stamp_of
from fext_engine.paths import escape_name
from fext_engine.workspace import sync_folder, write_atomic

INDEX, RECORD = "index.usearch", "index.json"

PAYS_FROM = 4 << 30
"""Bytes of vectors from which on an exact search takes a second or so, and an index is worth its building."""

_PARAMETERS = {"connectivity": 32, "expansion_add": 128, "expansion_search": 256}
_SAMPLE = 200  # queries whose recall is measured
_RECALL_AT = 10
_SPARE = 4  # candidates for each place, which are then ordered by exact distance
_CHUNK = 5000  # rows that are added between two looks at whether to stop
_INSTALL = "install it with `./run.sh setup index` or `pip install 'fext[index]'`"


class IndexRecord(BaseModel):
    """What index.json says of the index beside it."""

    model_config = ConfigDict(frozen=True)

    library: str
    metric: Metric
    parameters: dict[str, int]
    bytes: int
    """Size of the index's file."""
    vectors: Stamp
    """Those that it was built of."""
    recall_at_10: float
    """The share of the 10 nearest rows that it finds, 0 to 1, over sampled rows."""
    recall_queries: int


class Index:
    """A fresh index, mapped into memory. Open one with `open_index`."""

    def __init__(self, folder: Path, record: IndexRecord) -> None:
        from usearch.index import Index as Graph

        self.record = record
        self._damaged = FextError(f"{escape_name(str(folder / INDEX))} is damaged", "build it again: `fext index`")
        try:
            self._graph = Graph.restore(os.fspath(folder / INDEX), view=True)
        except (RuntimeError, ValueError, KeyError) as error:  # usearch's own, and its readers' of the header
            raise self._damaged from error
        if self._graph is None:
            raise self._damaged

    def nearest(self, vectors: Vectors, queries: Vectors, top: int) -> Nearest:
        """About the `top` nearest rows of `vectors`, which it was built of, to (Q, D); distances are exact."""
        wanted = min(_SPARE * top, len(self._graph))
        try:
            found = _candidates(self._graph, queries, wanted)
        except (RuntimeError, ValueError, OverflowError) as error:  # of another dimension
            raise self._damaged from error
        if found.size and not 0 <= found.min() <= found.max() < len(vectors):
            raise self._damaged
        return rank(vectors, queries, found, top, self.record.metric)


def index(job: Job) -> dict[str, Any]:
    """Build the index of an encoding. Arguments: `encoding`, its name or folder; `metric`.

    It takes the place of an older one when it is whole. Returns its recall, size and time.
    """
    encoding = open_encoding(job.workspace.find_encoding(str(job.arguments["encoding"])))
    metric: Metric = job.arguments.get("metric") or "cosine"
    if importlib.util.find_spec("usearch") is None:
        raise FextError("the index needs usearch, which is not installed", _INSTALL)
    if len(encoding.rows) < 2:
        raise FextError(f"{escape_name(encoding.name)} has too few rows for an index", "search without one")
    if encoding.latents.nbytes < PAYS_FROM:
        size = f"{encoding.latents.nbytes / 1e9:.1f} GB"
        job.log(f"{size} of vectors are searched exactly in less than a second; an index is for more")
    began = time.perf_counter()
    stamp = stamp_of(encoding)
    graph = _build(job, encoding.vectors, metric)
    recall, queries = _recall(encoding.vectors, graph, metric)
    file = encoding.folder / INDEX
    temporary = encoding.folder / f".{INDEX}.{job.id}.tmp"
    try:
        graph.save(os.fspath(temporary))
        with temporary.open("rb+") as saved:
            os.fsync(saved.fileno())
        record = IndexRecord(
            library=_library(), metric=metric, parameters=_PARAMETERS, bytes=temporary.stat().st_size,
            vectors=stamp, recall_at_10=recall, recall_queries=queries,
        )  # fmt: skip
        (encoding.folder / RECORD).unlink(missing_ok=True)  # it speaks of the older one
        temporary.replace(file)
        write_atomic(encoding.folder / RECORD, record.model_dump_json(indent=1) + "\n")
        sync_folder(encoding.folder)
    except (OSError, RuntimeError) as error:  # usearch's own
        raise FextError(
            f"the index cannot be written to {escape_name(str(encoding.folder))}: {error}",
            "free some space, or check the folder's permissions",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    job.artifact(file, "index")
    return {
        "encoding": escape_name(encoding.name), "rows": len(encoding.rows), "metric": metric,
        "recall_at_10": recall, "index_bytes": record.bytes, "built_seconds": time.perf_counter() - began,
    }  # fmt: skip


def open_index(encoding: Encoding, metric: Metric) -> Index | None:
    """The encoding's index for this metric; None where there is none that fits its vectors, or usearch is missing."""
    record = read_record(encoding)
    if record is None or record.metric != metric or importlib.util.find_spec("usearch") is None:
        return None
    return Index(encoding.folder, record)


def read_record(encoding: Encoding) -> IndexRecord | None:
    """What is known of the encoding's index; None where there is none, or it is stale or damaged."""
    try:
        record = IndexRecord.model_validate_json(read_text(encoding.folder / RECORD))
        whole = (encoding.folder / INDEX).stat().st_size == record.bytes
    except (OSError, ValueError):  # pydantic's ValidationError is one
        return None
    return record if whole and is_fresh(encoding, record.vectors) else None


def _build(job: Job, vectors: Vectors, metric: Metric) -> Any:
    from usearch.index import Index as Graph

    kind = {"cosine": "cos", "euclidean": "l2sq"}[metric]
    graph = Graph(ndim=vectors.shape[1], metric=kind, dtype="f16", **_PARAMETERS)
    for start in range(0, len(vectors), _CHUNK):
        end = min(start + _CHUNK, len(vectors))
        rows = np.asarray(vectors[start:end], np.float32)
        # Rows without a direction, or that are not finite, are nobody's neighbours and could break the graph.
        lengths = np.linalg.norm(rows, axis=1)
        sound = np.isfinite(lengths) & (lengths > 0)
        graph.add(np.arange(start, end)[sound], rows[sound])
        job.progress("indexing", end, len(vectors), "rows")
        if job.stop_requested:
            raise JobStopped(
                f"stopped after {end} of {len(vectors)} rows; nothing was kept", "start it again"
            )
    if not len(graph):
        raise FextError("none of the rows can be indexed: all are zeros or not finite", "train the run anew")
    return graph


def _recall(vectors: Vectors, graph: Any, metric: Metric) -> tuple[float, int]:
    """Recall at 10 over rows spread evenly, and how many they are; each finds itself, which tells nothing."""
    sample = np.unique(np.linspace(0, len(vectors) - 1, _SAMPLE).astype(np.int64))
    queries = np.asarray(vectors[sample], np.float32)
    sample, queries = sample[np.isfinite(queries).all(axis=1)], queries[np.isfinite(queries).all(axis=1)]
    top = min(_RECALL_AT + 1, len(graph))
    exact = nearest(vectors, queries, top, metric)
    found = rank(vectors, queries, _candidates(graph, queries, min(_SPARE * top, len(graph))), top, metric)
    # As near as the farthest exact one is as good: copies stand for one another.
    hits = (found.distances <= exact.distances[:, -1:])[:, 1:].sum()
    return float(hits / max(1, len(sample) * (top - 1))), len(sample)


def _candidates(graph: Any, queries: Vectors, count: int) -> Numbers:
    """(Q, count) rows, as the graph finds them."""
    graph.expansion_search = max(_PARAMETERS["expansion_search"], count)
    found = graph.search(np.asarray(queries, np.float32), count)
    rows: Numbers = np.atleast_2d(found.keys).astype(np.int64)
    return rows


def _library() -> str:
    import usearch

    return f"usearch {usearch.__version__}"
