"""The terminal UI's own configuration, `ui.toml` in the resources folder: the theme, and other keys."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from fext_engine.documents import parse_toml, read_text
from fext_engine.errors import FextError, room_to_write
from fext_engine.paths import escape_name
from fext_engine.workspace import write_atomic

TABLES = ("theme", "keys")
_MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")
_KEY_NAMES = {key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values())


@dataclass(frozen=True)
class Configuration:
    """`theme` is a theme's name, empty for the one that suits the terminal; `keys` maps binding ids to keys."""

    theme: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)


def read_configuration(path: Path, themes: Collection[str]) -> Configuration:
    """Read the file; a missing one means the defaults.

    Raises FextError that names the file, the key, its value and what is allowed.
    """
    document = _parse(path)
    unknown = next((name for name in document if name not in TABLES), None)
    if unknown is not None:
        raise _refusal(path, f"there is no setting {unknown!r}", f"allowed are {' and '.join(TABLES)}")
    theme, keys = document.get("theme", ""), document.get("keys", {})
    if not isinstance(theme, str) or (theme and theme not in themes):
        raise _refusal(path, f"theme = {theme!r} is not known", f"allowed are {', '.join(sorted(themes))}")
    if not isinstance(keys, dict):
        raise _refusal(
            path, f"keys = {keys!r} is no table", "write [keys] and below it lines such as quit = 'Q'"
        )
    return Configuration(theme, {name: _checked(path, name, value) for name, value in _flat(keys)})


def _flat(keys: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """The ids with their keys: `model.train` without quotation marks is a table in a table to TOML."""
    found: list[tuple[str, Any]] = []
    for name, value in keys.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(before + name, value)]
    return found


def _checked(path: Path, name: str, value: Any) -> str:
    """The keys that `value` names, apart by commas."""
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else []
    if not names or not all(_is_key(part) for part in names):
        allowed = "a letter, a digit or a name such as f2, ctrl+t, slash or comma; several apart by commas"
        raise _refusal(path, f"keys.{name} = {value!r} names no key", f"give {allowed}")
    return ",".join(names)


def _is_key(name: str) -> bool:
    *modifiers, key = name.split("+")
    if not all(modifier in _MODIFIERS for modifier in modifiers):
        return False
    if len(key) == 1 or key in _KEY_NAMES:
        return key.isprintable()
    try:
        return bool(unicodedata.lookup(key.replace("_", " ")))
    except KeyError:
        return False


def remember_theme(path: Path, theme: str) -> None:
    """Write the theme into the file and leave everything else in it as it is, comments too.

    Raises FextError when the file is wrong or cannot be written.
    """
    before = _parse(path)
    line = f'theme = "{theme}"'
    try:
        lines = read_text(path).splitlines() if path.exists() else []
        head = next((n for n, text in enumerate(lines) if text.lstrip().startswith("[")), len(lines))
        at = next((n for n in range(head) if lines[n].partition("=")[0].strip() == "theme"), None)
        lines[slice(0, 0) if at is None else slice(at, at + 1)] = [line]
        text = "\n".join(lines) + "\n"
        if parse_toml(text) != before | {"theme": theme}:
            raise _refusal(
                path, "it has no place for a line with the theme", f"write {line} into it yourself"
            )
        write_atomic(path, text)
    except OSError as error:
        raise _refusal(path, error.strerror or str(error), room_to_write(error)) from error


def _parse(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_text(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _refusal(path, error.strerror or str(error), "make it readable, or remove it") from error
    except ValueError as error:  # TOML's, and text that is not UTF-8
        raise _refusal(path, str(error), "correct the line, or remove the file") from error


def _refusal(path: Path, problem: str, do: str) -> FextError:
    return FextError(f"{escape_name(str(path))}: {problem}", do)
