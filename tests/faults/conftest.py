"""What the tests of faults take from the other tests: tiny trainings, own processes, pseudo-terminals."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS / "engine"), str(TESTS / "end_to_end"), str(TESTS / "tui")]
