"""One Python file made of modules of FeXT, which runs without FeXT: what is exported is what FeXT itself runs."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module

READING = ("fext_engine.images.pixels", "fext_engine.export.copied_images")
"""What reads an image file."""

MODEL = (
    "fext_engine.model.blocks", "fext_engine.model.autoencoder", *READING, "fext_engine.export.copied_model",
)  # fmt: skip
"""What reads an image file and is the model."""

_LEFT_OUT = {"build_model"}  # raises FextError, and is for FeXT itself


def standalone_source(about: str, modules: tuple[str, ...]) -> str:
    """The source of the modules, one after the other, less their docstrings and their imports of FeXT.

    `about` becomes the docstring. A module may import from those before it only.
    """
    imports: set[str] = set()
    bodies = []
    for module in modules:
        source = inspect.getsource(import_module(module))
        lines = source.splitlines()
        for node in ast.parse(source).body:
            is_import = isinstance(node, ast.Import | ast.ImportFrom)
            if is_import and not _is_inner(node):
                imports.add(ast.unparse(node))
            if is_import or _is_docstring(node, lines) or getattr(node, "name", None) in _LEFT_OUT:
                assert node.end_lineno is not None
                lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
        bodies.append("\n".join(lines).strip())
    head = f'"""{about}"""\n\nfrom __future__ import annotations\n\n' + "\n".join(sorted(imports))
    return _without_gaps("\n\n\n".join([head, *bodies])) + "\n"


def _is_inner(node: ast.stmt) -> bool:
    """Whether an import is of FeXT, or of the future, which stands at the top."""
    name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
    return name == "__future__" or name.partition(".")[0] == "fext_engine"


def _is_docstring(node: ast.stmt, lines: list[str]) -> bool:
    """Whether a statement is the docstring of the module: the first one, a text at the very top."""
    return isinstance(node, ast.Expr) and node.lineno == 1 and lines[0].startswith('"""')


def _without_gaps(text: str) -> str:
    """At most two empty lines in a row, as where something was left out there are more."""
    while "\n\n\n\n" in text:
        text = text.replace("\n\n\n\n", "\n\n\n")
    return text
