"""All keys of the terminal UI by their ids, and what is wrong with keys that the configuration gives."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen

import fext_tui


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


def bindings_of(node: type[DOMNode]) -> list[Binding]:
    """The bindings that FeXT gives a class, those of its own base classes included; one for each key."""
    ours = [base for base in node.__mro__ if base.__module__.startswith("fext_tui")]
    return [binding for base in ours for binding in Binding.make_bindings(vars(base).get("BINDINGS", ()))]


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
    """Classes whose keys work at the same time: a screen with its own panes and the app, or a dialog alone."""
    from fext_tui.widgets.row_list import RowList

    apps = [node for node in classes if issubclass(node, App)]
    for node in classes:
        if not issubclass(node, Screen):
            yield [node]
        elif issubclass(node, ModalScreen):
            yield [node, RowList]
        else:
            panes = [pane for pane in classes if pane.__module__.startswith(f"{node.__module__}_")]
            yield [*apps, node, *panes, RowList]


def _clashes(place: list[type[DOMNode]], keys: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    users: dict[str, set[str]] = {}
    for binding in (binding for node in place for binding in bindings_of(node) if binding.id):
        for given in Binding.make_bindings([Binding(keys.get(str(binding.id), binding.key), "")]):
            users.setdefault(given.key, set()).add(str(binding.id))
    for key, names in users.items():
        if len(names) > 1 and not names.isdisjoint(keys):
            yield key, tuple(sorted(names))
