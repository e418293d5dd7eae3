"""The table of faults itself: rows of another process, odd characters, equal rows counted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TWO_TESTS = """
import pytest

@pytest.mark.parametrize("i", range(4))
def test_x(i, fault_table):
    fault_table(fault="[red] fault", where=f"place {i % 2}", saw="a sentence", lost="nothing")
"""


@pytest.mark.slow
def test_the_table_of_another_process_is_printed_once_with_equal_rows_counted(tmp_path):
    (tmp_path / "test_x.py").write_text(TWO_TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist.plugin", "-p", "fault_table", "-n", "1", "test_x.py"]
    env = os.environ | {"PYTHONPATH": str(TESTS), "COLUMNS": "100", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    lines = [line.split("│") for line in done.stdout.splitlines() if "fault" in line and "│" in line]
    cells = [[cell.strip() for cell in line[1:-1]] for line in lines]
    assert cells == [["2", "[red] fault", f"place {i}", "a sentence", "nothing"] for i in (0, 1)], done.stdout
