"""What is known of a picture, in words: the file, its header, its records, its measures; read in a worker thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from fext_engine.documents import read_json
from fext_engine.errors import FextError
from fext_engine.images.faults import DecodeError
from fext_engine.paths import escape_name
from fext_tui.reconstructions import Sample
from fext_tui.widgets.text import format_bytes, format_figure

Facts = list[tuple[str, str]]
"""Labels and values; an empty label makes the value a heading."""

_ORIENTATIONS = {
    1: "upright", 2: "mirrored", 3: "turned by 180°", 4: "upside down, mirrored", 5: "turned by 90° and mirrored",
    6: "turned by 90° to the right", 7: "turned by 90° and mirrored", 8: "turned by 90° to the left",
}  # fmt: skip
_REPORTS = ("summary.json", "report.json")
_LARGEST_REPORT = 16 << 20  # bytes
_LONGEST_LIST = 12


def image_facts(path: Path, root: Path, name: str, database: Path) -> Facts:
    """The facts of an image file: `name` is its stored path below `root`. Never raises for what a file may hold."""
    facts = list(_file(path))
    try:
        facts += _header(path)
    except DecodeError as error:
        facts += [("cannot be shown", str(error))]
    try:
        return facts + list(_records(root, name, database))
    except (FextError, sqlite3.Error) as error:
        return [*facts, ("records", str(error))]


def sample_facts(sample: Sample, place: int) -> Facts:
    """The facts of a run's sample after one epoch."""
    facts = [
        ("image", sample.name),
        ("run", sample.run),
        ("epoch", sample.epoch(place).removeprefix("epoch ")),
    ]
    facts += [("pictures", f"{place + 1} of {len(sample.pictures)}")]
    if sample.grid is not None and sample.index is not None:
        facts += [("size", f"{sample.grid.width} x {sample.grid.height}"), *_errors(sample, place)]
    return [*facts, ("", "Picture"), *_file(sample.pictures[place])]


def plot_facts(path: Path) -> Facts:
    """The facts of a plot, and the words of the report that it belongs to."""
    facts = list(_file(path))
    for report in (path.parent / name for name in _REPORTS):
        try:
            found = read_json(report, _LARGEST_REPORT)
        except (OSError, ValueError):
            continue
        facts += [("", "Report"), ("file", escape_name(str(report))), *_flat(found)]
    page = path.parent / "report.html"
    return facts + ([("page", escape_name(str(page)))] if page.is_file() else [])


def _file(path: Path) -> Iterator[tuple[str, str]]:
    yield "file", escape_name(str(path))
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        yield "cannot be read", str(getattr(error, "strerror", None) or error)
        return
    yield "bytes", f"{format_bytes(status.st_size)} ({status.st_size:,})"
    yield "changed", f"{datetime.fromtimestamp(status.st_mtime):%Y-%m-%d %H:%M:%S}"


def _header(path: Path) -> Iterator[tuple[str, str]]:
    from fext_engine.images.decode import content_digest, read_file, read_info

    data = read_file(path)
    yield "SHA-256", content_digest(data)
    info = read_info(path, data)
    yield "size", f"{info.width} x {info.height}"
    yield "format", info.format
    yield "mode", f"{info.mode}, {info.bit_depth} bit"
    yield "orientation", _ORIENTATIONS.get(info.orientation, str(info.orientation))
    yield "frames", f"{info.frames:,}"
    for note in info.notes:
        yield "note", note


def _records(root: Path, name: str, database: Path) -> Iterator[tuple[str, str]]:
    from fext_engine.images.measures import MEASURE_NAMES, MEASURES_BY_NAME
    from fext_engine.records import open_records
    from fext_engine.records.image_windows import read_rows
    from fext_engine.records.images import find_root
    from fext_engine.records.measure_values import percentiles

    with open_records(database) as records:
        root_id = find_root(records, root)
        query = "SELECT id FROM images WHERE root_id = ? AND path = ?"
        found = records.connection.execute(query, (root_id, name)).fetchone()
        row = read_rows(records, [found["id"]])[0] if found else None
        if root_id is None or row is None:
            yield "records", "not analyzed"
            return
        yield "class", row["class"] or "(none)"
        yield "split", row["split"]
        yield "in training", f"no: {row['excluded_reason']}" if row["excluded"] else "yes"
        if row["status"] != "ok":
            yield "at the analysis", f"{row['status']}: {row['reason']}".rstrip(": ")
            return
        yield "transparent", f"{row['alpha_share']:.1%} of the pixels" if row["alpha_share"] else "no pixel"
        measured = {m: float(row[m]) for m in MEASURE_NAMES if row[m] is not None}
        places = percentiles(records, root_id, measured)
        yield "", "Measures, and how many % of the images are below"
        for measure, value in measured.items():
            unit = MEASURES_BY_NAME[measure].unit
            place = f"{places[measure]:.0f} %" if measure in places else ""
            yield measure, f"{format_figure(value)}{f' {unit}' if unit == 'bits' else ''}  {place}".rstrip()


def _errors(sample: Sample, place: int) -> Iterator[tuple[str, str]]:
    from fext_engine.evaluation.error_map import error_map
    from fext_engine.training.sample_grid import read_pair

    assert sample.grid is not None and sample.index is not None
    try:
        errors = error_map(*read_pair(sample.pictures[place], sample.grid, sample.index))
    except (DecodeError, IndexError) as error:
        yield "cannot be shown", str(error)
        return
    yield "MAE", f"{errors.mae:.5f}"
    yield "PSNR", f"{errors.psnr:.2f} dB"
    yield "largest error", f"{errors.largest:.4f}"


def _flat(found: Any, label: str = "") -> Iterator[tuple[str, str]]:
    """A report's values, the keys of nested ones joined."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _flat(value, f"{label} {key}".strip())
    elif isinstance(found, list):
        shown = ", ".join(_word(value) for value in found[:_LONGEST_LIST])
        yield (
            label,
            shown + (f" and {len(found) - _LONGEST_LIST:,} more" if len(found) > _LONGEST_LIST else ""),
        )
    else:
        yield label, _word(found)


def _word(value: Any) -> str:
    return (
        format_figure(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    )
