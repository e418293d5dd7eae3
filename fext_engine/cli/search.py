"""`fext search`: the images that are most like one, or those of an encoding that are nearly the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fext_engine.cli.common import Common, command
from fext_engine.cli.tables import CsvFile, show_table
from fext_engine.cli.verbs import Encoding, MetricName
from fext_engine.errors import FextError
from fext_engine.paths import escape_name

if TYPE_CHECKING:
    from fext_engine.latents import encoding as encodings
    from fext_engine.latents.distance import Metric
    from fext_engine.latents.similar import Similar

MOST = 10_000  # images that are listed


@command
def search(
    common: Common,
    encoding: Encoding,
    image: Annotated[
        str | None, typer.Argument(metavar="IMAGE", help="An image, in the encoded folder or anywhere.")
    ] = None,
    *,
    top: Annotated[int, typer.Option("--top", metavar="K", min=1, max=MOST, help="Images to list.")] = 10,
    metric: MetricName = "cosine",
    exact: Annotated[bool, typer.Option("--exact", help="Compare all, also where there is an index.")] = False,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="List groups of nearly equal images of the encoding instead.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", metavar="F", min=0,
            help="Distance up to which images are duplicates, else one derived from the encoding.",
        ),
    ] = None,
    csv_file: CsvFile = None,
) -> None:  # fmt: skip
    """Find the images of an encoding that are most like IMAGE, or its near-duplicates."""
    if duplicates == (image is not None):
        raise typer.BadParameter("name an IMAGE to search for, or ask for --duplicates")
    if threshold is not None and not duplicates:
        raise typer.BadParameter("--threshold goes with --duplicates")
    from fext_engine.latents.encoding import open_encoding  # NumPy, which other commands do without

    found = open_encoding(common.workspace.find_encoding(encoding))
    if not found.rows:
        raise FextError(f"{escape_name(found.name)} has no rows", "encode a folder that has images")
    if not found.images.is_dir():
        images = escape_name(str(found.images))
        typer.echo(f"the encoded folder {images} is gone; paths are as they were in it", err=True)
    if image is None:
        rows = _groups(common, found, threshold, metric)
        empty = "no image is nearly the same as another"
    else:
        from fext_engine.latents.query import find_query
        from fext_engine.latents.similar import similar

        query = find_query(found, Path(image).expanduser(), common.workspace, common.settings().device)
        rows = _similar(found, similar(found, query, top, metric, exact=exact))
        empty = "there is no other image"
    shown = [{**row, "distance": f"{row['distance']:.6f}"} for row in rows]
    show_table(common, rows, shown, csv_file, empty)


def _similar(encoding: encodings.Encoding, found: Similar) -> list[dict[str, Any]]:
    if found.recall_at_10 is not None:
        recall = f"{found.recall_at_10:.1%}"
        typer.echo(f"by the index, which finds {recall} of the 10 nearest; --exact finds all", err=True)
    rows, distances = (side[0].tolist() for side in found.nearest)
    return [
        {"rank": rank, "distance": distance, "path": encoding.rows[row].path}
        for rank, (row, distance) in enumerate(zip(rows, distances, strict=True), 1)
    ]


def _groups(
    common: Common, encoding: encodings.Encoding, threshold: float | None, metric: Metric
) -> list[dict[str, Any]]:
    """Every image of every group, with its distance from the first of the group."""
    import numpy as np

    from fext_engine.latents.distance import exact_scores, to_distances
    from fext_engine.latents.groups import default_threshold, groups

    vectors = encoding.vectors
    if threshold is None:
        threshold = default_threshold(vectors, metric)
        typer.echo(f"duplicates are up to {threshold:.4g} apart; --threshold F sets another", err=True)
    rows = []
    with _progress() as progress:
        found = groups(vectors, threshold, metric, device=_gpu(common), progress=progress)
    for number, members in enumerate(found, 1):
        first = np.repeat(members[:1], len(members))
        distances = to_distances(exact_scores(vectors, first, vectors, members, metric), metric)
        rows += [
            {"group": number, "distance": distance, "path": encoding.rows[row].path}
            for row, distance in zip(members.tolist(), distances.tolist(), strict=True)
        ]
    return rows


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal's stderr, for what may take minutes."""
    if not sys.stderr.isatty():
        yield None
        return
    with typer.progressbar(length=1000, file=sys.stderr, label="comparing") as bar:
        yield lambda done, total: bar.update(1000 * done // total - bar.pos)


def _gpu(common: Common) -> str | None:
    """The GPU, where the settings name CUDA: `auto` would cost the seconds in which torch starts."""
    device = common.settings().device
    if device.device != "cuda":
        return None
    from fext_engine.training.device import choose_device

    return str(choose_device(device))
