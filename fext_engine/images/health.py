"""What is wrong with the images of a dataset, from their stored measures: no file is read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fext_engine.images.copies import find_copies
from fext_engine.images.examine import unpack_histogram
from fext_engine.images.outliers import FEWEST, JUDGED, Robust, find_outliers, percentile, robust
from fext_engine.records import Records
from fext_engine.records.health import Issue, replace_issues
from fext_engine.records.image_values import Window, count_used, windows
from fext_engine.sections import HealthSettings

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST = 50_000
"""Images that percentiles, medians and quartiles are drawn from; of more a fixed random part is taken."""
_LUMA = np.array([0.241, 0.691, 0.068])  # perceived brightness: the root of the weighted squares
_QUARTILE_SPANS = 3  # Tukey's far-out fences
_COMMON = 0.5  # share of the images from which on grey is no exception


@dataclass(frozen=True, slots=True)
class Rule:
    """One issue that a statistic and a setting decide."""

    issue: str
    statistic: str
    direction: Literal["low", "high"]
    setting: str

    def flags(self, values: Floats, settings: HealthSettings) -> Flags:
        limit = getattr(settings, self.setting)
        return np.asarray(values < limit if self.direction == "low" else values > limit)


RULES = (
    Rule("dark", "brightness_p99", "low", "dark_below"),
    Rule("bright", "brightness_p5", "high", "bright_above"),
    Rule("blurry", "laplacian_variance", "low", "blurry_below"),
    Rule("low_information", "entropy", "low", "low_information_below"),
    Rule("low_contrast", "std", "low", "low_contrast_below"),
    Rule("odd_aspect", "aspect", "low", "odd_aspect_below"),
    Rule("grey_among_colour", "colourfulness", "low", "grey_below"),
)
_STATISTICS = {rule.statistic for rule in RULES} | {"size"} | {measure.name for measure in JUDGED}


def record_issues(
    records: Records, root_id: int, settings: HealthSettings, progress: Callable[[int, int], None]
) -> None:
    """Find and store the issues of the used images of a root, in the place of earlier ones.

    `progress(done, total)` counts images, and may raise to break off: the earlier issues then stay. Memory is
    that of a window and a sample, and some 100 bytes an image for the duplicates.
    """
    replace_issues(records, root_id, _find_all(records, root_id, settings, progress))


def _find_all(
    records: Records, root_id: int, settings: HealthSettings, progress: Callable[[int, int], None]
) -> Iterator[Issue]:
    total = count_used(records, root_id)
    progress(0, total)
    rows: list[Window] = list(windows(records, root_id)) if total <= MOST // 5 else []
    reference = _reference(iter(rows) if rows else windows(records, root_id, MOST))
    if not len(reference["std"]):
        return
    scales = [robust(m, reference[m.name], settings.outlier_z) for m in JUDGED]
    done = 0
    for window in rows or windows(records, root_id):
        values = statistics_of(window)
        yield from _by_rules(window, values, reference, settings)
        yield from _odd_sizes(window, _Column(values["size"], reference["size"]), settings)
        if total >= FEWEST:
            yield from _outliers(window, values, scales, settings)
        done += len(window.ids)
        progress(done, total)
    yield from find_copies(records, root_id, settings.near_duplicate_radius)


def statistics_of(window: Window) -> dict[str, Floats]:
    """What rules and outliers read, by name: (n,) each.

    Beside measures: `brightness_p99` and `brightness_p5`, the brightness of the channels' own quantiles, 0 to
    1; `size`, the root of width times height, in pixels; `aspect`, the shorter over the longer side.
    """
    columns = window.columns
    width, height = columns["width"], columns["height"]
    derived = {
        **_brightness(window.histograms),
        "size": np.sqrt(width * height),
        "aspect": np.minimum(width, height) / np.maximum(width, height),
    }
    return derived | {name: columns[name] for name in _STATISTICS if name in columns}


def _brightness(packed: list[bytes]) -> dict[str, Floats]:
    cumulative = np.stack([unpack_histogram(counts) for counts in packed]).cumsum(axis=2, dtype=np.uint32)
    found = {}
    for name, share in (("brightness_p99", 0.99), ("brightness_p5", 0.05)):
        levels = (cumulative < share * cumulative[:, :, -1:]).sum(axis=2)
        found[name] = np.sqrt(levels.astype(np.float64) ** 2 @ _LUMA) / 255
    return found


def _reference(sample: Iterator[Window]) -> dict[str, Floats]:
    """The values of the whole dataset, or of a sample, by statistic, ascending."""
    parts: dict[str, list[Floats]] = {name: [np.empty(0)] for name in _STATISTICS}
    for window in sample:
        for name, values in statistics_of(window).items():
            parts[name].append(values)
    return {name: np.sort(np.concatenate(values)) for name, values in parts.items()}


@dataclass(frozen=True, slots=True)
class _Column:
    """One statistic of a window, and its values over the whole dataset or a sample, ascending."""

    values: Floats
    ordered: Floats


def _by_rules(
    window: Window, values: dict[str, Floats], reference: dict[str, Floats], settings: HealthSettings
) -> Iterator[Issue]:
    for rule in RULES:
        column = _Column(values[rule.statistic], reference[rule.statistic])
        flagged = rule.flags(column.values, settings)
        if rule.issue == "blurry":  # what has no contrast has no edge either: that is told by itself
            flagged &= values["std"] >= settings.low_contrast_below
        if rule.issue == "grey_among_colour" and rule.flags(column.ordered, settings).mean() >= _COMMON:
            continue
        yield from _issues(window, rule, flagged, column, f"limit {getattr(settings, rule.setting):g}")


def _odd_sizes(window: Window, sizes: _Column, settings: HealthSettings) -> Iterator[Issue]:
    """Outside three quartile spans, in logarithms, and by the factor: many datasets have but one size."""
    low, median, high = np.quantile(np.log(sizes.ordered), [0.25, 0.5, 0.75])
    fence = _QUARTILE_SPANS * (high - low)
    logs, least = np.log(sizes.values), np.log(settings.odd_size_factor) - 1e-9
    small = (logs < low - fence) & (logs <= median - least)
    large = (logs > high + fence) & (logs >= median + least)
    detail = f"median {np.exp(median):.0f} px"
    yield from _issues(window, Rule("odd_size", "size", "low", "odd_size_factor"), small, sizes, detail)
    yield from _issues(window, Rule("odd_size", "size", "high", "odd_size_factor"), large, sizes, detail)


def _issues(window: Window, rule: Rule, flagged: Flags, column: _Column, detail: str) -> Iterator[Issue]:
    """Rows of flagged images; worse is farther down or up, which for sizes is counted as a ratio."""
    values = column.values[flagged]
    severity = -values if rule.direction == "low" else values
    if rule.issue == "odd_size":
        severity = np.abs(np.log(values / np.median(column.ordered)))
    ranks = percentile(column.ordered, values)
    ids = window.ids[flagged].tolist()
    for image_id, worse, value, rank in zip(
        ids, severity.tolist(), values.tolist(), ranks.tolist(), strict=True
    ):
        yield Issue(
            image_id, rule.issue, window.root_id, worse, value, rank, rule.statistic, rule.direction, None, detail
        )  # fmt: skip


def _outliers(
    window: Window, values: dict[str, Floats], scales: list[Robust], settings: HealthSettings
) -> Iterator[Issue]:
    found = find_outliers(scales, values, settings.outlier_z)
    for place, z, column, others in zip(
        found.places.tolist(), found.z.tolist(), found.column.tolist(), found.others, strict=True
    ):
        name, ordered = JUDGED[column].name, scales[column].ordered
        value = float(values[name][place])
        detail = f"{value:.4g}, median {scales[column].middle:.4g}" + (f"; also {others}" if others else "")
        rank = float(percentile(ordered, np.array([value]))[0])
        yield Issue(
            int(window.ids[place]), "outlier", window.root_id, abs(z), z, rank, name,
            "high" if z > 0 else "low", None, detail,
        )  # fmt: skip
