"""The HTML of a report's page: its frame and style, tables of escaped cells, figures inside the file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fext_engine.images.figures import DrawnFigure

PAGE = Template("""<!DOCTYPE html>
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


class Marked(str):
    """Text that is HTML already."""


def html_table(header: Sequence[str], rows: Iterable[Iterable[Any]], caption: str = "") -> str:
    """A table; every cell is escaped save Marked ones, numbers stand on the right."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="table"><table>{title}<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, Marked):
        return f"<td>{value}</td>"
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    if isinstance(value, float):
        return f'<td class="number">{value:.4g}</td>'
    return f"<td>{escape('' if value is None else str(value))}</td>"


def html_figure(figure: DrawnFigure) -> str:
    """A figure with its caption, the picture inside."""
    data = base64.b64encode(figure.path.read_bytes()).decode()
    caption = escape(figure.caption)
    picture = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def words(name: str) -> str:
    """A column's or issue's name for people."""
    return name.replace("_", " ")
