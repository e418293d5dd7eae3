"""All commands of `fext`, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from fext_engine import __version__
from fext_engine.cli import images, jobs, places, presets, reports, runs, search, verbs
from fext_engine.cli.terminal import open_terminal_ui

app = typer.Typer(
    name="fext",
    help="The terminal workbench for image autoencoders. Without a command it opens the terminal UI.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for verb in (
    verbs.analyze, verbs.estimate, verbs.find_lr, verbs.train, verbs.resume, verbs.evaluate, verbs.encode,
    verbs.index, verbs.probe, verbs.anomalies, verbs.sample, search.search,
):  # fmt: skip
    app.command()(verb)
app.command("map")(verbs.draw_map)
app.add_typer(images.app, name="images")
app.add_typer(runs.app, name="runs")
app.add_typer(reports.app, name="reports")
app.add_typer(jobs.app, name="jobs")
app.add_typer(presets.app, name="presets")
app.command()(places.locate)
app.command()(places.clean)


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    resources: Annotated[
        str | None, typer.Option(metavar="DIR", help="Resources folder, instead of FEXT_RESOURCES.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"fext {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.Exit(open_terminal_ui(resources))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        typer.main.get_command(app).main(args=list(arguments), prog_name="fext")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
