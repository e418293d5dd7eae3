"""The template of an environment file names every option with its default."""

from __future__ import annotations

from pathlib import Path

from fext_engine.presets import load_settings
from fext_engine.settings import Settings, options
from fext_engine.workspace import Workspace

TEMPLATE = Path(__file__).resolve().parents[2] / "resources" / "templates" / ".env"


def test_template_has_all_options_and_their_defaults(tmp_path):
    text = TEMPLATE.read_text(encoding="utf-8")
    lines = [line.removeprefix("#") for line in text.splitlines() if line.startswith("#FEXT_")]
    assert [line.split("=")[0] for line in lines] == [
        f"FEXT_{option.section}__{option.name}".upper() for option in options()
    ]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    assert load_settings(Workspace(tmp_path), environ={}) == Settings()
