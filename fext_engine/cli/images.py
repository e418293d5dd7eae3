"""`fext images`: what is recorded of the images of a dataset, and which of them are kept out of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from fext_engine.cli.common import Common, command, confirm
from fext_engine.cli.tables import CsvFile, show_table, stream_csv
from fext_engine.cli.verbs import Images
from fext_engine.cli.wording import figure
from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.records import Records, open_records
from fext_engine.records.issue_names import ISSUES

app = typer.Typer(invoke_without_command=True)

FilterText = Annotated[
    str | None,
    typer.Option("--filter", metavar="TEXT", help="A condition such as \"entropy < 3 and class = 'cats'\"."),
]
IssueName = Annotated[
    str | None, typer.Option("--issue", metavar="NAME", help=f"One of {', '.join(ISSUES)}.")
]
Paths = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH]...", help="Images as the list names them, or files.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_SHOWN = ("path", "class", "split", "status", "excluded", "width", "height", "bytes")
_SHOWN_ROWS = 1000  # on the terminal; CSV and JSON have all
_WINDOW = 500


@app.callback()
@command
def show_all(
    common: Common,
    *,
    images: Images = None,
    filter_text: FilterText = None,
    issue: IssueName = None,
    csv_file: CsvFile = None,
) -> None:
    """List the images of the last analysis, those a filter chooses, or those with an issue, worst first."""
    _at_most_one(filter_text, issue)
    with _open(common, images) as (records, root):
        rows = _issue_rows(records, root, issue) if issue else _image_rows(records, root, filter_text)
        if csv_file and not common.json:
            print(f"{stream_csv(csv_file, rows)} rows written to {escape_name(csv_file)}")
            return
        found = list(rows if common.json else islice(rows, _SHOWN_ROWS + 1))
    shown = [{key: _cell(row[key]) for key in row if issue or key in _SHOWN} for row in found[:_SHOWN_ROWS]]
    show_table(common, found, shown, csv_file, "no image")
    if len(found) > _SHOWN_ROWS and not common.json:
        typer.echo(f"the first {_SHOWN_ROWS}; --csv FILE has all", err=True)


@app.command("exclude")
@command
def exclude_images(
    common: Common,
    paths: Paths = None,
    *,
    images: Images = None,
    filter_text: FilterText = None,
    issue: IssueName = None,
    yes: Yes = False,
) -> None:
    """Keep images out of split, statistics and training; their files stay as they are.

    With --issue exact_duplicate, near_duplicate or leak, one image of each group stays in.
    """
    from fext_engine.records import exclusions, image_choice
    from fext_engine.records.filter import parse_filter

    _exactly_one(paths, filter_text, issue)
    with _open(common, images) as (records, root):
        if paths:
            chosen, reason = image_choice.choose_by_name(records, root, paths), ""
        elif issue:
            chosen, reason = image_choice.choose_by_issue(records, root, issue), issue
        else:
            chosen = image_choice.choose_by_filter(
                records, root, parse_filter(filter_text or ""), excluded=False
            )
            reason = filter_text or ""
        if chosen and not paths and not yes:
            confirm(f"exclude {_count(len(chosen))} from training?")
        _tell(common, "excluded", exclusions.exclude(records, root, chosen, reason))


@app.command("include")
@command
def include_images(
    common: Common,
    paths: Paths = None,
    *,
    images: Images = None,
    filter_text: FilterText = None,
    issue: IssueName = None,
    everything: Annotated[bool, typer.Option("--all", help="All excluded images.")] = False,
    yes: Yes = False,
) -> None:
    """Take excluded images back in; --issue means those that have it or were excluded for it."""
    from fext_engine.records import exclusions, image_choice
    from fext_engine.records.filter import parse_filter

    _exactly_one(paths, filter_text, issue, everything)
    with _open(common, images) as (records, root):
        if paths:
            chosen = image_choice.choose_by_name(records, root, paths)
        elif filter_text:
            chosen = image_choice.choose_by_filter(records, root, parse_filter(filter_text), excluded=True)
        else:
            chosen = image_choice.choose_excluded(records, root, issue)
        if chosen and not paths and not yes:
            confirm(f"take {_count(len(chosen))} back in?")
        _tell(common, "included", exclusions.include(records, root, chosen))


@contextmanager
def _open(common: Common, images: str | None) -> Iterator[tuple[Records, Path]]:
    """The records and the images folder, which must have been analyzed."""
    from fext_engine.records.images import find_root  # NumPy, which other commands do without

    folder = None if images is None else str(Path(images).expanduser().absolute())
    root = common.workspace.images_root(common.settings({"dataset.images": folder}))
    with open_records(common.workspace.database) as records:
        if find_root(records, root) is None:
            raise FextError(
                f"{escape_name(str(root))} has not been analyzed",
                "run `fext analyze`, or name the folder with --images",
            )
        yield records, root


def _image_rows(records: Records, root: Path, filter_text: str | None) -> Iterator[dict[str, Any]]:
    from fext_engine.records.filter import parse_filter
    from fext_engine.records.image_windows import list_ids, read_rows

    ids = list_ids(records, root, filter=parse_filter(filter_text) if filter_text else None)
    for start in range(0, len(ids), _WINDOW):
        rows = read_rows(records, ids[start : start + _WINDOW].tolist())
        yield from (dict(row) for row in rows if row is not None)


def _issue_rows(records: Records, root: Path, issue: str) -> Iterator[dict[str, Any]]:
    from fext_engine.records.health import iterate_issue

    return map(dict, iterate_issue(records, root, issue))


def _at_most_one(*given: object) -> None:
    if sum(map(bool, given)) > 1:
        raise typer.BadParameter("choose in one way: paths, --issue, --filter or --all")


def _exactly_one(*given: object) -> None:
    _at_most_one(*given)
    if not any(given):
        raise typer.BadParameter("say which images: paths, --issue NAME or --filter TEXT")


def _tell(common: Common, key: str, count: int) -> None:
    if common.json:
        common.print_json({key: count})
    else:
        print(f"{_count(count)} {key}; the next analysis and training go by it")


def _count(number: int) -> str:
    return f"{number} image{'' if number == 1 else 's'}"


def _cell(value: Any) -> str:
    return "" if value is None else figure(value)
