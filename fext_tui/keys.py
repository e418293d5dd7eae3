"""All keys of the terminal UI by their ids, and what is wrong with keys that the configuration gives."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator, Mapping

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen

import fext_tui
from fext_tui.key_names import bindings_of


def classes_with_keys() -> list[type[DOMNode]]:
    """The app, every screen, dialog and widget of FeXT that has keys. Imports them all: for a worker thread."""
    found: list[type[DOMNode]] = []
    for module in pkgutil.walk_packages(fext_tui.__path__, "fext_tui."):
        members = vars(importlib.import_module(module.name)).values()
        found += [
            member
            for member in members
            if inspect.isclass(member)
            and issubclass(member, DOMNode)
            and member.__module__ == module.name
            and bindings_of(member)
        ]
    return found


def key_problems(keys: Mapping[str, str]) -> list[str]:
    """What is wrong with `keys`, ids with the keys they are to have: unknown ids, and keys given twice."""
    classes = classes_with_keys()
    known = {binding.id for node in classes for binding in bindings_of(node) if binding.id}
    problems = []
    for name in sorted(keys.keys() - known):
        near = difflib.get_close_matches(name, known, 3)
        meant = f"perhaps {' or '.join(near)}" if near else "the help names the id of every key"
        problems.append(f"there is no key called {name!r}: {meant}")
    clashes = {clash for place in _places(classes) for clash in _clashes(place, keys)}
    return problems + [f"{key!r} is given to {' and '.join(names)}" for key, names in sorted(clashes)]


def _places(classes: list[type[DOMNode]]) -> Iterator[list[type[DOMNode]]]:
    """Classes whose keys work at the same time: a screen with its panes, the widget in focus, and the app.

    A dialog keeps the keys of the app from working.
    """
    apps: list[type[DOMNode]] = [node for node in classes if issubclass(node, App)]
    for node in classes:
        if not issubclass(node, Screen):
            yield [node]
            continue
        frame: list[type[DOMNode]] = [node]
        if not issubclass(node, ModalScreen):
            frame += apps + [pane for pane in classes if pane.__module__.startswith(f"{node.__module__}_")]
        for widget in _widgets({part.__module__ for part in frame if part not in apps}):
            yield [*frame, widget]


def _widgets(modules: set[str]) -> set[type[DOMNode]]:
    """The widgets that the classes of these modules are made of, by what the modules import."""
    found: set[type[DOMNode]] = set()
    seen, waiting = set(modules), list(modules)
    while waiting:
        for member in vars(sys.modules[waiting.pop()]).values():
            if not (inspect.isclass(member) and issubclass(member, DOMNode)):
                continue
            module = member.__module__
            if module.startswith("fext_tui.widgets."):
                found.add(member)
            if module.startswith("fext_tui.") and module not in seen:
                seen.add(module)
                waiting.append(module)
    return found


def _clashes(place: list[type[DOMNode]], keys: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Keys with several uses, one of them given by `keys`; a widget and its screen may share what both call alike."""
    users: dict[str, dict[str, str]] = {}
    for binding in (binding for node in place for binding in bindings_of(node) if binding.id):
        for given in Binding.make_bindings([Binding(keys.get(str(binding.id), binding.key), "")]):
            users.setdefault(given.key, {})[str(binding.id)] = binding.description
    for key, uses in users.items():
        if len(set(uses.values())) > 1 and not keys.keys().isdisjoint(uses):
            yield key, tuple(sorted(uses))
