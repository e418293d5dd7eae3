"""Two dataset reports compared, from what the database keeps of them: their images may be gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fext_engine.errors import FextError
from fext_engine.images.balance import divergence
from fext_engine.images.distributions import SKETCH_POINTS, Sketch
from fext_engine.images.drift import (
    Verdict,
    control_false_discoveries,
    judge,
    ks_distance,
    scaled_wasserstein,
)
from fext_engine.records import Records, reports
from fext_engine.records.report_details import report_distributions, report_issues

CountKind = Literal["files", "status", "issue", "class", "balance"]


@dataclass(frozen=True, slots=True)
class Change:
    """A number of both reports; None where a report does not know it."""

    kind: CountKind
    name: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float:
        """After minus before."""
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True)
class Shift:
    """How the distribution of one measure differs between two reports."""

    measure: str
    n_before: int
    n_after: int
    median_before: float
    median_after: float
    ks: float
    """Kolmogorov-Smirnov distance, 0 to 1, to within 0.01."""
    wasserstein: float
    """Mean shift of mass, in standard deviations of both reports together."""
    q_value: float
    """Of the KS distance less 0.01, after Benjamini and Hochberg, as if the reports shared no image."""
    verdict: Verdict
    """As for training against validation."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one report to another."""

    before: str
    after: str
    root_before: str
    root_after: str
    counts: list[Change]
    """Files, sides, statuses, issues and balance, also those that are equal."""
    classes: list[Change]
    """Usable images of every class of either report, by name."""
    class_divergence: float
    """Jensen-Shannon divergence of the shares of the classes, in bits, 0 to 1."""
    shifts: list[Shift]
    """Every measure that both have, the most changed first."""


def compare_reports(records: Records, before: str, after: str) -> Comparison:
    """Compare two reports by name, as `fext_engine.records.reports.find_report` understands it.

    Raises FextError for an unknown report, and for one without distributions.
    """
    first, second = reports.find_report(records, before), reports.find_report(records, after)
    classes = [_class_counts(records, report["id"]) for report in (first, second)]
    names = sorted(classes[0].keys() | classes[1].keys())
    counts = [[side.get(name, 0) for name in names] for side in classes]
    return Comparison(
        before=first["name"],
        after=second["name"],
        root_before=first["root"],
        root_after=second["root"],
        counts=_count_changes(records, first, second),
        classes=[Change("class", name, a, b) for name, a, b in zip(names, *counts, strict=True) if a or b],
        class_divergence=divergence(*counts),
        shifts=_shifts(_sketches(records, first), _sketches(records, second)),
    )


def _class_counts(records: Records, report_id: int) -> dict[str, int]:
    rows = reports.report_classes(records, report_id)
    return {row["class"]: row["train"] + row["validation"] for row in rows}


def _count_changes(records: Records, first: sqlite3.Row, second: sqlite3.Row) -> list[Change]:
    before, after = (_counts(records, report) for report in (first, second))
    found = []
    for kind in before:
        # what a report does not count is none of it, save for figures that an older one did not have
        missing = 0 if kind in ("status", "issue") else None
        for name in dict.fromkeys((*before[kind], *after[kind])):
            values = before[kind].get(name, missing), after[kind].get(name, missing)
            found.append(Change(kind, name, *values))
    return found


def _counts(records: Records, report: sqlite3.Row) -> dict[CountKind, Mapping[str, float]]:
    summary = reports.summary_of(report)
    balance = ("classes", "largest", "smallest", "ratio", "normalised_entropy")
    return {
        "files": _numbers(summary, ("images", "usable", "broken", "excluded", "train", "validation")),
        "status": summary.get("statuses", {}),
        "issue": report_issues(records, report["id"]),
        "balance": _numbers(summary.get("classes", {}), balance),
    }


def _numbers(summary: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    return {name: summary[name] for name in names if name in summary}


def _sketches(records: Records, report: sqlite3.Row) -> dict[str, Sketch]:
    found = report_distributions(records, report["id"])
    if not found:
        raise FextError(
            f"the report {report['name']} was made before distributions were kept", "analyze the folder again"
        )
    return found


def _shifts(before: Mapping[str, Sketch], after: Mapping[str, Sketch]) -> list[Shift]:
    pairs = [(before[name], after[name]) for name in before if name in after]
    distances = [ks_distance(np.array(a.quantiles), np.array(b.quantiles)) for a, b in pairs]
    q_values = control_false_discoveries(
        np.array([_p_value(ks, a.n, b.n) for ks, (a, b) in zip(distances, pairs, strict=True)])
    )
    found = [
        Shift(
            a.measure, a.n, b.n, _median(a), _median(b), ks,
            scaled_wasserstein(np.array(a.quantiles), np.array(b.quantiles)), float(q), judge(float(q), ks),
        )
        for (a, b), ks, q in zip(pairs, distances, q_values, strict=True)
    ]  # fmt: skip
    return sorted(found, key=lambda shift: (-shift.ks, -shift.wasserstein, shift.measure))


def _median(sketch: Sketch) -> float:
    return sketch.quantiles[SKETCH_POINTS // 2]


def _p_value(ks: float, n: int, m: int) -> float:
    """Two-sample Kolmogorov-Smirnov p-value; a sketch is off by up to half a point on each side."""
    from scipy.stats import kstwo  # takes most of a second to import

    certain = ks - 1 / SKETCH_POINTS
    return float(kstwo.sf(certain, max(1, round(n * m / (n + m))))) if certain > 0 else 1.0
