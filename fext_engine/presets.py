"""Settings from files, the environment and flags, and presets as TOML files that people share."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fext_engine.documents import read_text, read_toml, require_file
from fext_engine.errors import FextError, SettingsError, room_to_write
from fext_engine.paths import escape_name
from fext_engine.settings import Settings, check_option, find_option
from fext_engine.workspace import STOCK_PRESETS, Workspace, write_atomic

LAST_USED = "last_used"
FIRST = "fextae_redux"  # what the terminal UI starts with in a new workspace
_ORIGIN = "preset"  # in that file: the name of the preset that it came from
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


@dataclass(frozen=True)
class Preset:
    """A saved configuration. `description` is the file's first comment line."""

    name: str
    path: Path
    stock: bool
    description: str


def load_settings(
    workspace: Workspace,
    preset: str | None = None,
    overrides: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Combine, later ones winning: defaults, `preset`, FEXT_SECTION__KEY variables, `section.key=value` flags.

    The environment is `environ` (the process's own by default) over the file `.env` in the resources folder.
    Raises SettingsError that names the file, variable or flag with the key, the value and what is allowed.
    """
    settings = read_settings(find_preset(workspace, preset).path) if preset else Settings()
    settings = settings.with_options(_from_environment(workspace, os.environ if environ is None else environ))
    values: dict[str, Any] = {}
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator:
            raise SettingsError(f"--set {text!r} has no value", "write --set section.key=value")
        values[key.strip()] = value.strip()
    return settings.with_options(values)


def read_settings(path: Path) -> Settings:
    """Read a TOML file of settings; raises SettingsError naming the file, the key, the value and the range."""
    shown = escape_name(str(path))
    try:
        data = read_toml(path)
    except OSError as error:
        raise SettingsError(
            f"cannot read {shown}: {error.strerror}", "check the file and its permissions"
        ) from error
    except ValueError as error:
        raise SettingsError(
            f"{shown} is not valid TOML: {error}", "mend the line, or delete the file"
        ) from error
    try:
        return Settings().with_options(_flatten(data))
    except SettingsError as error:
        raise SettingsError(f"{shown}: {error.what}", error.do) from error


def settings_to_toml(settings: Settings, description: str = "") -> str:
    """The settings as TOML text, all keys written out, that `read_settings` reads back."""
    import tomli_w

    comment = "".join(f"# {line}\n" for line in description.splitlines())
    return comment + tomli_w.dumps(settings.model_dump())


def list_presets(workspace: Workspace) -> list[Preset]:
    """All presets, the stock ones first; the remembered last configuration is not one of them."""
    found = [
        Preset(path.stem, path, path.stem in STOCK_PRESETS, _description(path))
        for path in workspace.configurations.glob("*.toml")
        if path.stem != LAST_USED
    ]
    return sorted(
        found, key=lambda p: (not p.stock, STOCK_PRESETS.index(p.name) if p.stock else 0, p.name.casefold())
    )


def find_preset(workspace: Workspace, name: str) -> Preset:
    """Return the preset called `name` (with or without .toml), or the one in the file of that path."""
    presets = list_presets(workspace)
    for preset in presets:
        if name in (preset.name, preset.path.name):
            return preset
    path = Path(name).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return Preset(path.stem, path, False, _description(path))
    raise SettingsError(
        f"there is no preset called {escape_name(name)!r}",
        "choose one of " + ", ".join(escape_name(p.name) for p in presets),
    )


def save_preset(workspace: Workspace, name: str, settings: Settings, description: str = "") -> Path:
    """Save the user's preset `name`, replacing one of that name; stock ones and odd names are refused."""
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{escape_name(name)!r} cannot name a preset",
            "use letters, digits, spaces, dots, dashes and underscores",
        )
    _refuse_stock(name)
    path = workspace.configurations / f"{name}.toml"
    _write(path, settings_to_toml(settings, description))
    return path


def delete_preset(workspace: Workspace, name: str) -> None:
    """Delete a preset of the user's; stock presets are refused."""
    _refuse_stock(name)
    path = find_preset(workspace, name).path
    try:
        path.unlink()
    except OSError as error:
        raise FextError(
            f"cannot delete {escape_name(str(path))}: {error.strerror}", room_to_write(error)
        ) from error


def load_last_used(workspace: Workspace) -> Settings:
    """The configuration that was used last, at first the stock preset to begin with.

    Raises SettingsError when it was broken by hand.
    """
    path = workspace.configurations / f"{LAST_USED}.toml"
    if path.exists():
        return read_settings(path)
    first = workspace.configurations / f"{FIRST}.toml"
    return read_settings(first) if first.exists() else Settings()


def last_preset(workspace: Workspace) -> str:
    """The name of the preset that the last configuration came from; empty when it is not known."""
    path = workspace.configurations / f"{LAST_USED}.toml"
    if not path.exists():
        return FIRST
    try:
        name = read_toml(path).get(_ORIGIN, "")
    except (OSError, ValueError):  # `load_last_used` tells what is wrong with the file
        return ""
    return name if isinstance(name, str) else ""


def save_last_used(workspace: Workspace, settings: Settings, preset: str = "") -> None:
    """Remember the configuration for the next start, and the name of the preset that it came from."""
    import tomli_w

    text = settings_to_toml(settings, "The configuration that was used last; written by FeXT.")
    origin = tomli_w.dumps({_ORIGIN: preset}) if preset else ""
    _write(workspace.configurations / f"{LAST_USED}.toml", origin + text)


def _write(path: Path, text: str) -> None:
    try:
        write_atomic(path, text)
    except OSError as error:
        raise FextError(
            f"cannot write {escape_name(str(path))}: {error.strerror}",
            room_to_write(error),
        ) from error


def _refuse_stock(name: str) -> None:
    if name.casefold() in (*STOCK_PRESETS, LAST_USED):
        raise SettingsError(
            f"{name} belongs to FeXT and stays as it is", "save your changes under another name"
        )


def _flatten(data: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for section, table in data.items():
        if section == _ORIGIN and isinstance(table, str):
            continue
        if not isinstance(table, dict):
            raise SettingsError(
                f"{section} = {table!r} stands outside a section", "put it under one, as [training]"
            )
        values |= {f"{section}.{key}": value for key, value in table.items()}
    return values


def _from_environment(workspace: Workspace, environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for source, variables in ((".env", _dotenv(workspace)), ("the environment", environ)):
        for variable, value in variables.items():
            section, separator, name = variable.removeprefix("FEXT_").lower().partition("__")
            if not variable.startswith("FEXT_") or not separator:
                continue
            try:
                values[find_option(f"{section}.{name}").key] = check_option(f"{section}.{name}", value)
            except SettingsError as error:
                raise SettingsError(f"{variable} in {source}: {error.what}", error.do) from error
    return values


def _dotenv(workspace: Workspace) -> dict[str, str]:
    path = workspace.root / ".env"
    if not path.is_file():
        return {}
    from dotenv.parser import parse_stream

    shown = escape_name(str(path))
    try:
        bindings = list(parse_stream(io.StringIO(read_text(path))))
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read {shown}: {error}", "mend or remove the file") from error
    if wrong := next((binding for binding in bindings if binding.error), None):
        raise SettingsError(f"{shown}: line {wrong.original.line} is no NAME=value", "mend the line")
    # Values are taken as they stand: `${A}${A}` in a few lines would grow beyond any memory.
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def _description(path: Path) -> str:
    try:
        require_file(path)
        with path.open(encoding="utf-8", errors="replace") as file:
            line = file.readline(200).strip()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return escape_name(line.removeprefix("#").strip()) if line.startswith("#") else ""
