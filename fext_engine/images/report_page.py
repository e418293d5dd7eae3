"""A dataset report as one HTML file that needs nothing else: figures inside, no script, no network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from string import Template
from typing import TYPE_CHECKING, Any

from fext_engine import __version__
from fext_engine.images.balance import Balance
from fext_engine.images.distributions import UNITS, ClassDistribution
from fext_engine.images.inspection import Inspection
from fext_engine.records.report_details import WorstFile

if TYPE_CHECKING:
    from fext_engine.images.figures import DrawnFigure

MAX_ROWS = 200
"""Rows of a table: the CSV files have all."""

WORST = 5
"""Files that are named for each issue."""

PAGE_MEASURES = ("mean", "std", "entropy", "colourfulness", "tenengrad", "noise_ratio")

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem 1.2rem 4rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
nav a { margin-right: 1rem; }
p, li { overflow-wrap: anywhere; }
.table { overflow-x: auto; max-height: 34rem; overflow-y: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .2rem 0; opacity: .75; }
th, td { padding: .18rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td { max-width: 34rem; overflow-wrap: anywhere; }
td.number { text-align: right; white-space: nowrap; }
thead th { position: sticky; top: 0; background: Canvas; }
tr:hover td { background: var(--soft); }
.drift { color: #c23b3b; font-weight: 600; } .small { color: #b86e0b; }
figure { margin: 1rem 0; } figcaption { opacity: .75; font-size: .86rem; }
@media print { .table { max-height: none; overflow: visible; } }
figure img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); }
</style>
</head>
<body>
<h1>$title</h1>
<p>$about</p>
<nav>$links</nav>
$sections
<p><small>Made by FeXT $version. Every table lies beside this page as a CSV file.</small></p>
</body>
</html>
""")


class _Marked(str):
    """Text that is HTML already."""


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
    drawn = {figure.path.stem: _figure(figure) for figure in figures}
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
    return _PAGE.substitute(
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
        "measures that drift": ", ".join(_words(name) for name in summary["drift"]) or "none",
        "split": ", ".join(f"{_words(key)} {value:g}" for key, value in summary["split"].items()),
    }
    return _table(("what", "value"), ((k, f"{v:,}" if isinstance(v, int) else v) for k, v in facts.items()))


def _health(inspection: Inspection, worst: Iterable[WorstFile]) -> str:
    if not inspection.issues:
        return ""
    total = max(1, inspection.table.total)
    counts = [(_words(issue), n, f"{n / total:.1%}") for issue, n in inspection.issues]
    files = [(_words(w.issue), w.path, _words(w.measure), w.direction, w.score, w.detail) for w in worst]
    header = ("issue", "file", "measure", "direction", "value", "detail")
    return _table(("issue", "images", "share"), counts, "An image may have several.") + _table(
        header, files, f"The worst files of each issue, {WORST} at most; issues.csv has all."
    )


def _failures(summary: Mapping[str, Any], failures: Iterable[Sequence[Any]]) -> str:
    folders = "".join(f"<li>{escape(path)}</li>" for path in summary["unread_folders"][:MAX_ROWS])
    rows = list(islice(failures, MAX_ROWS))
    text = f"<p>Folders that cannot be read:</p><ul>{folders}</ul>" if folders else ""
    if not rows:
        return text or "<p>None.</p>"
    named = ((path, name, _words(status), reason) for path, name, status, reason in rows)
    return text + _table(("file", "class", "status", "reason"), named, _cut(len(rows), summary["broken"]))


def _drift(inspection: Inspection) -> str:
    if not inspection.drifts:
        return "<p>Too few images to compare the sides.</p>"
    order = {"drift": 0, "small": 1, "none": 2}
    ranked = sorted(inspection.drifts, key=lambda d: (order[d.verdict], -d.ks))
    first = ranked[0]
    rows = [
        (_words(d.measure), d.ks, d.wasserstein, d.psi, d.p_value, d.q_value,
         _Marked(f'<span class="{d.verdict}">{d.verdict}</span>'))
        for d in ranked
    ]  # fmt: skip
    header = ("measure", "KS distance", "Wasserstein (std)", "PSI", "p", "q", "verdict")
    caption = (
        f"n = {first.n_train:,} training and {first.n_validation:,} validation images. drift: significant "
        "(q below 0.05) and KS distance of 0.1 or more; small: significant but below that; none: chance would do."
    )
    return _table(header, rows, caption)


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
        *map(_words, PAGE_MEASURES),
    )
    caption = "Measures: median (5 % to 95 %); class_statistics.csv has all. " + _cut(len(rows), len(ranked))
    return _table(header, rows, caption)


def _statistics(inspection: Inspection) -> str:
    rows = [
        (_words(d.measure), UNITS[d.measure], d.minimum, d.p5, d.median, d.mean, d.p95, d.maximum)
        for d in inspection.distributions
    ]
    header = ("measure", "unit", "minimum", "5 %", "median", "mean", "95 %", "maximum")
    n, total = len(inspection.table.values), inspection.table.total
    return _table(
        header, rows, f"n = {n:,}" + (f", at random of {total:,} images" if n < total else " images")
    )


def _median_and_band(found: ClassDistribution | None) -> str:
    return f"{found.median:.3g} ({found.p5:.3g} to {found.p95:.3g})" if found else ""


def _cut(shown: int, total: int) -> str:
    return f"The first {shown:,} of {total:,}." if shown < total else ""


def _table(header: Sequence[str], rows: Iterable[Iterable[Any]], caption: str = "") -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="table"><table>{title}<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, _Marked):
        return f"<td>{value}</td>"
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    if isinstance(value, float):
        return f'<td class="number">{value:.4g}</td>'
    return f"<td>{escape('' if value is None else str(value))}</td>"


def _figure(figure: DrawnFigure) -> str:
    data = base64.b64encode(figure.path.read_bytes()).decode()
    caption = escape(figure.caption)
    picture = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _words(name: str) -> str:
    return name.replace("_", " ")
