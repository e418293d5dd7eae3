"""`fext presets`: list, show, compare, save and delete configurations, and list all options."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fext_engine.cli.common import Common, command, confirm
from fext_engine.cli.tables import CsvFile, show_table
from fext_engine.paths import escape_name
from fext_engine.presets import (
    delete_preset,
    find_preset,
    list_presets,
    read_settings,
    save_preset,
    settings_to_toml,
)
from fext_engine.settings import Option, options

app = typer.Typer(invoke_without_command=True)
Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.callback()
@command
def show_all(common: Common, csv_file: CsvFile = None) -> None:
    """List the presets."""
    rows = [
        {
            "name": escape_name(preset.name),
            "kind": "stock" if preset.stock else "own",
            "description": preset.description,
        }
        for preset in list_presets(common.workspace)
    ]
    show_table(common, rows, rows, csv_file, "no presets")


@app.command()
@command
def show(
    common: Common,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A preset, else the settings in force here.")
    ] = None,
) -> None:
    """Print a preset, or what --preset, the environment and --set add up to."""
    settings = read_settings(find_preset(common.workspace, name).path) if name else common.settings()
    if common.json:
        common.print_json(settings.model_dump())
    else:
        print(settings_to_toml(settings), end="")


@app.command()
@command
def diff(
    common: Common,
    name: Name,
    other: Annotated[
        str | None,
        typer.Argument(metavar="[OTHER]", help="A second preset, else the settings in force here."),
    ] = None,
    csv_file: CsvFile = None,
) -> None:
    """List the options in which a preset differs from another, or from the settings in force."""
    first = read_settings(find_preset(common.workspace, name).path)
    second = read_settings(find_preset(common.workspace, other).path) if other else common.settings()
    rows = [
        {"option": key, "preset": here, "other": there}
        for key, (here, there) in first.differences(second).items()
    ]
    shown = [{k: v if k == "option" else json.dumps(v) for k, v in row.items()} for row in rows]
    show_table(common, rows, shown, csv_file, "no difference")


@app.command()
@command
def save(
    common: Common,
    name: Name,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What the preset is for.")] = "",
) -> None:
    """Save the settings of --preset, the environment and --set as a preset of your own."""
    path = save_preset(common.workspace, name, common.settings(), description)
    if common.json:
        common.print_json({"name": name, "path": escape_name(str(path))})
    else:
        print(f"saved {escape_name(str(path))}")


@app.command()
@command
def delete(
    common: Common,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a preset of your own."""
    preset = find_preset(common.workspace, name)
    if not yes:
        confirm(f"delete {escape_name(str(preset.path))}?")
    delete_preset(common.workspace, preset.name)
    if common.json:
        common.print_json({"name": preset.name, "deleted": True})
    else:
        print(f"deleted {escape_name(preset.name)}")


@app.command(name="options")
@command
def show_options(common: Common, csv_file: CsvFile = None) -> None:
    """List every option with its default, what it takes and what it does."""
    rows = [asdict(option) for option in options()]
    show_table(common, rows, [_shown(option) for option in options()], csv_file, "")


def _shown(option: Option) -> dict[str, Any]:
    default = option.default if isinstance(option.default, str) else json.dumps(option.default)
    return {
        "option": option.key,
        "default": default or '""',
        "allowed": option.allowed + (f" ({option.unit})" if option.unit else ""),
        "help": option.help,
    }
