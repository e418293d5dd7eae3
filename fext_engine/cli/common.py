"""What every command shares: its options, the workspace and settings they lead to, and how it fails."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from fext_engine.cli.failures import as_event, explain_crash, report
from fext_engine.errors import FextError
from fext_engine.records import DatabaseRebuilt
from fext_engine.records.recovery import LOG
from fext_engine.settings import Settings, find_option
from fext_engine.workspace import Workspace, find_workspace


@dataclass(frozen=True)
class Common:
    """The options that every command takes."""

    resources: str | None
    preset: str | None
    overrides: tuple[str, ...]
    json: bool

    @cached_property
    def workspace(self) -> Workspace:
        """The resources tree; its logs take what this process logs."""
        from fext_engine.logs import start_logging

        workspace = find_workspace(self.resources)
        start_logging(workspace.logs, "fext")
        logging.getLogger(LOG).addHandler(_NOTICES)
        return workspace

    def settings(self, flags: Mapping[str, Any] | None = None) -> Settings:
        """The settings of preset, environment and --set, with the command's own `flags` (None: not given)."""
        from fext_engine.presets import load_settings

        settings = load_settings(self.workspace, self.preset, self.overrides)
        return settings.with_options({k: v for k, v in (flags or {}).items() if v is not None})

    def print_json(self, value: Any) -> None:
        """Print the answer of a command that is no job as one JSON document."""
        print(json.dumps(value, indent=2, default=str))


def _common(
    resources: Annotated[
        str | None, typer.Option(metavar="DIR", help="Resources folder, instead of FEXT_RESOURCES.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Preset to start from, by name or as a TOML file.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set an option; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON: events, or one document.")] = False,
) -> Common:
    return Common(resources, preset, tuple(overrides or ()), json)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Make `function(common, ...)` a command with the common options besides its own.

    Options that stand before a sub-command (`fext --resources DIR jobs`) count for it too. A FextError ends
    the command with its one line and exit code, any other exception with a crash file.
    """
    shared = inspect.signature(_common, eval_str=True).parameters
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    @functools.wraps(function)
    def run(context: typer.Context, **given: Any) -> None:
        for outer in _outer(context):
            given |= {
                name: value for name, value in outer.params.items() if name in shared and not given.get(name)
            }
        common = _common(**{name: given.pop(name) for name in shared})
        if context.invoked_subcommand is None:
            _guard(common, lambda: function(common, **given))

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared.values())]
    run.__signature__ = inspect.Signature([context, *parameters])  # type: ignore[attr-defined]
    return run


def _outer(context: typer.Context) -> list[Any]:
    found, outer = [], context.parent
    while outer is not None:
        found.append(outer)
        outer = outer.parent
    return found


class _Notices(logging.Handler):
    """Says on stderr what the records have to say about the database."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(f"fext: {record.getMessage()}", err=True)


_NOTICES = _Notices(logging.WARNING)


def _guard(common: Common, work: Callable[[], None]) -> None:
    try:
        try:
            work()
        except DatabaseRebuilt:  # it was found damaged by a question that can be asked again
            work()
        return
    except (typer.Abort, typer.BadParameter, typer.Exit, BrokenPipeError):
        raise
    except FextError as error:
        known = error
    except Exception as error:
        logs: Path | None = None
        with suppress(FextError):
            logs = common.workspace.logs
        known = explain_crash(error, logs)
        known.__cause__ = error
    if common.json:
        print(as_event(known).to_json())
    raise typer.Exit(report(known))


def confirm(question: str) -> None:
    """Ask on the terminal, and abort unless the answer is yes; where nobody can answer it is wrong usage."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here; add --yes")
    typer.confirm(question, abort=True)


def flag(key: str, *names: str) -> Any:
    """A flag that stands for the setting `key`; the settings check its value."""
    option = find_option(key)
    metavar = {"int": "N", "float": "F", "text": "DIR"}.get(option.kind, option.kind.upper())
    return typer.Option(*names, metavar=metavar, help=f"{option.help} Sets {key}.")
