"""A dataset report as one HTML file that needs nothing else: figures inside, no script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from fext_engine import __version__
from fext_engine.images.balance import Balance
from fext_engine.images.distributions import UNITS, ClassDistribution
from fext_engine.images.inspection import Inspection
from fext_engine.images.report_markup import PAGE, Marked, html_figure, html_table, words
from fext_engine.records.report_details import WorstFile

if TYPE_CHECKING:
    from fext_engine.images.figures import DrawnFigure

MAX_ROWS = 200
"""Rows of a table: the CSV files have all."""

WORST = 5
"""Files that are named for each issue."""

PAGE_MEASURES = ("mean", "std", "entropy", "colourfulness", "tenengrad", "noise_ratio")


def render_page(
    summary: Mapping[str, Any],
    inspection: Inspection,
    figures: Sequence[DrawnFigure],
    failures: Iterable[Sequence[Any]],
    worst: Iterable[WorstFile],
) -> str:
    """Return the page of a report.

    `failures` are rows of path, class, status and reason; `worst` names some files of each health issue.
    """
    drawn = {figure.path.stem: html_figure(figure) for figure in figures}
    contents = {
        "Summary": _summary(summary),
        "Health": _health(inspection, worst) + drawn.get("health", ""),
        "Files that cannot be used": _failures(summary, failures),
        "Training against validation": _drift(inspection)
        + drawn.get("drift", "")
        + _sides(inspection.balance),
        "Classes": _classes(inspection)
        + "".join(drawn.get(name, "") for name in ("class_balance", "class_measures", "class_pixels")),
        "Measures": _statistics(inspection) + drawn.get("statistics", ""),
        "Pixels and sizes": "".join(
            drawn.get(name, "") for name in ("mean_images", "pixel_distribution", "sizes")
        ),
    }
    shown = {title: body for title, body in contents.items() if body}
    anchors = {title: title.lower().replace(" ", "-") for title in shown}
    return PAGE.substitute(
        title=f"Dataset report {escape(summary['report'])}",
        about=f"Images in {escape(summary['root'])}",
        links=" ".join(f'<a href="#{anchors[title]}">{title}</a>' for title in shown),
        sections="".join(
            f'<h2 id="{anchors[title]}">{title}</h2>\n{body}\n' for title, body in shown.items()
        ),
        version=__version__,
    )


def _summary(summary: Mapping[str, Any]) -> str:
    classes = summary["classes"]
    missing = [*classes["missing_from_train"], *classes["missing_from_validation"]]
    facts = {
        "files": summary["images"],
        "usable": summary["usable"],
        "cannot be used": summary["broken"],
        "excluded by hand": summary.get("excluded", 0),
        "folders that cannot be read": len(summary["unread_folders"]),
        "training": summary["train"],
        "validation": summary["validation"],
        "median size": "{} x {} px".format(*summary["size_median"]),
        "classes": classes["classes"],
        "largest / smallest class": f"{classes['largest']:,} / {classes['smallest']:,} = {classes['ratio']:.3g}",
        "normalised entropy of the classes": f"{classes['normalised_entropy']:.3f} (1 is even)",
        "classes missing from a side": len(missing),
        "measures that drift": ", ".join(words(name) for name in summary["drift"]) or "none",
        "split": ", ".join(f"{words(key)} {value:g}" for key, value in summary["split"].items()),
    }
    return html_table(
        ("what", "value"), ((k, f"{v:,}" if isinstance(v, int) else v) for k, v in facts.items())
    )


def _health(inspection: Inspection, worst: Iterable[WorstFile]) -> str:
    if not inspection.issues:
        return ""
    total = max(1, inspection.table.total)
    counts = [(words(issue), n, f"{n / total:.1%}") for issue, n in inspection.issues]
    files = [(words(w.issue), w.path, words(w.measure), w.direction, w.score, w.detail) for w in worst]
    header = ("issue", "file", "measure", "direction", "value", "detail")
    return html_table(("issue", "images", "share"), counts, "An image may have several.") + html_table(
        header, files, f"The worst files of each issue, {WORST} at most; issues.csv has all."
    )


def _failures(summary: Mapping[str, Any], failures: Iterable[Sequence[Any]]) -> str:
    folders = "".join(f"<li>{escape(path)}</li>" for path in summary["unread_folders"][:MAX_ROWS])
    rows = list(islice(failures, MAX_ROWS))
    text = f"<p>Folders that cannot be read:</p><ul>{folders}</ul>" if folders else ""
    if not rows:
        return text or "<p>None.</p>"
    named = ((path, name, words(status), reason) for path, name, status, reason in rows)
    return text + html_table(("file", "class", "status", "reason"), named, _cut(len(rows), summary["broken"]))


def _drift(inspection: Inspection) -> str:
    if not inspection.drifts:
        return "<p>Too few images to compare the sides.</p>"
    order = {"drift": 0, "small": 1, "none": 2}
    ranked = sorted(inspection.drifts, key=lambda d: (order[d.verdict], -d.ks))
    first = ranked[0]
    rows = [
        (words(d.measure), d.ks, d.wasserstein, d.psi, d.p_value, d.q_value,
         Marked(f'<span class="{d.verdict}">{d.verdict}</span>'))
        for d in ranked
    ]  # fmt: skip
    header = ("measure", "KS distance", "Wasserstein (std)", "PSI", "p", "q", "verdict")
    caption = (
        f"n = {first.n_train:,} training and {first.n_validation:,} validation images. drift: significant "
        "(q below 0.05) and KS distance of 0.1 or more; small: significant but below that; none: chance would do."
    )
    return html_table(header, rows, caption)


def _sides(balance: Balance) -> str:
    """How the classes lie on both sides of the split."""
    missing = "".join(
        f"<p>Classes missing from {side} ({len(names):,}): {escape(', '.join(names[:MAX_ROWS]))}</p>"
        for side, names in (
            ("training", balance.missing_from_train),
            ("validation", balance.missing_from_validation),
        )
        if names
    )
    return (
        f"<p>Jensen-Shannon divergence of the class shares: {balance.split_divergence:.3g} bits (0 to 1).</p>"
        f"{missing}"
    )


def _classes(inspection: Inspection) -> str:
    ranked = sorted(inspection.classes, key=lambda c: (-c.used, c.name))
    total = max(1, sum(c.used for c in ranked))
    by_key = {(d.class_name, d.measure): d for d in inspection.class_distributions}
    rows = [
        (c.name or "(no folder)", c.used, f"{c.used / total:.1%}", c.train, c.validation, c.unused, c.broken,
         *(_median_and_band(by_key.get((c.name, name))) for name in PAGE_MEASURES))
        for c in ranked[:MAX_ROWS]
    ]  # fmt: skip
    header = (
        "class",
        "images",
        "share",
        "training",
        "validation",
        "unused",
        "broken",
        *map(words, PAGE_MEASURES),
    )
    caption = "Measures: median (5 % to 95 %); class_statistics.csv has all. " + _cut(len(rows), len(ranked))
    return html_table(header, rows, caption)


def _statistics(inspection: Inspection) -> str:
    rows = [
        (words(d.measure), UNITS[d.measure], d.minimum, d.p5, d.median, d.mean, d.p95, d.maximum)
        for d in inspection.distributions
    ]
    header = ("measure", "unit", "minimum", "5 %", "median", "mean", "95 %", "maximum")
    n, total = len(inspection.table.values), inspection.table.total
    return html_table(
        header, rows, f"n = {n:,}" + (f", at random of {total:,} images" if n < total else " images")
    )


def _median_and_band(found: ClassDistribution | None) -> str:
    return f"{found.median:.3g} ({found.p5:.3g} to {found.p95:.3g})" if found else ""


def _cut(shown: int, total: int) -> str:
    return f"The first {shown:,} of {total:,}." if shown < total else ""
