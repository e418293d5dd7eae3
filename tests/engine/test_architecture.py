"""The walls of the house: the engine without Textual, the UI without torch, and a quick first paint."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "matplotlib", "cv2", "scipy", "plotext", "pydantic", "PIL", "numpy")


def imported_names(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("path", sorted((ROOT / "fext_engine").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_engine_knows_no_user_interface(path):
    roots = {name.split(".")[0] for name in imported_names(path)}
    allowed = {"fext_tui"} if path.parent.name == "cli" else set()  # `fext` alone opens the UI, late
    assert not (roots & {"textual", "fext_tui"}) - allowed


@pytest.mark.parametrize("path", sorted((ROOT / "fext_tui").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_ui_names_no_torch(path):
    assert not {name.split(".")[0] for name in imported_names(path)} & {"torch", "matplotlib", "safetensors"}


def test_the_app_imports_nothing_heavy_before_its_first_paint():
    loaded = modules_after("import fext_tui.app")
    assert not loaded & set(HEAVY)


def test_all_screens_and_what_they_read_load_no_torch():
    code = "\n".join(
        f"import {path.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')}"
        for path in sorted((ROOT / "fext_tui").rglob("*.py"))
        if path.name != "__init__.py"
    )
    engine = (
        "import fext_engine.jobs.supervisor, fext_engine.images.scan, fext_engine.images.decode, "
        "fext_engine.records.images, fext_engine.records.runs, fext_engine.training.history, "
        "fext_engine.latents.groups, fext_engine.latents.map, fext_engine.latents.similar, fext_engine.latents.query, "
        "fext_engine.latents.splits, fext_engine.latents.anomaly.results, fext_engine.latents.anomaly.heat"
    )
    assert not modules_after(code + "\n" + engine) & {"torch", "matplotlib"}
