"""One search: by the encoding's index where it has one that fits, else exactly."""

from __future__ import annotations

from typing import NamedTuple

from fext_engine.latents.distance import Metric
from fext_engine.latents.encoding import Encoding
from fext_engine.latents.index import open_index
from fext_engine.latents.query import Query
from fext_engine.latents.search import Nearest, nearest, without_row


class Similar(NamedTuple):
    """What was found for one image."""

    nearest: Nearest
    """(1, k), without the image's own row."""
    recall_at_10: float | None
    """Of the index that answered; None when the search was exact."""


def similar(
    encoding: Encoding, query: Query, top: int, metric: Metric = "cosine", *, exact: bool = False
) -> Similar:
    """The `top` rows nearest to a query; with `exact` no index is asked."""
    vectors = encoding.vectors
    wanted = top if query.row is None else top + 1
    index = None if exact else open_index(encoding, metric)
    if index is None:
        found = nearest(vectors, query.vector, wanted, metric)
    else:
        found = index.nearest(vectors, query.vector, wanted)
    kept = found if query.row is None else without_row(found, query.row, top)
    return Similar(kept, index.record.recall_at_10 if index else None)
