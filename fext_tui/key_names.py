"""The keys in force, for sentences that name one: asked for by the id of what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode


def bindings_of(node: type[DOMNode]) -> list[Binding]:
    """The bindings that FeXT gives a class, those of its own base classes included; one for each key."""
    ours = [base for base in node.__mro__ if base.__module__.startswith("fext_tui")]
    return [binding for base in ours for binding in Binding.make_bindings(vars(base).get("BINDINGS", ()))]


def key_of(app: App[Any], binding_id: str) -> str:
    """The key by which a person does that now, as it is shown; raises KeyError for an id that is nobody's.

    Of several keys it is the first. The class with the binding must have been imported.
    """
    if binding_id not in _known:
        _known.update((str(b.id), b) for node in _loaded(DOMNode) for b in reversed(bindings_of(node)))
    binding = _known[binding_id]
    if given := app._keymap.get(binding_id):
        binding = binding.with_key(given.split(",")[0])
    return "Enter" if binding.key == "enter" else app.get_key_display(binding)


_known: dict[str, Binding] = {}  # as the classes have them


def _loaded(base: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for node in base.__subclasses__():
        yield node
        yield from _loaded(node)
