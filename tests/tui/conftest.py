"""What every test of the terminal UI shares: the same number of colours on every machine."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def truecolor(monkeypatch):
    """Draw in truecolor, whatever TERM, COLORTERM and NO_COLOR say where the tests run."""
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
