"""How long `fext` takes to its first paint, beside a Textual app that shows one word."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark
pty = pytest.importorskip("pty", reason="pseudo-terminals are of POSIX")

PROJECT = Path(__file__).parents[2]
ROUNDS = 7
BARE = "from textual.app import App\nfrom textual.widgets import Label\nclass A(App):\n    def compose(self):\n        yield Label('FeXT')\nA().run()"


def seconds_to_paint(command: list[str], word: bytes = b"FeXT") -> float:
    """Start `command` in a terminal and return the seconds until it wrote `word`; then end it."""
    start = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "PYTHONPATH": str(PROJECT)}
        os.execv(command[0], command)
    output = b""
    while word not in output:
        output += os.read(terminal, 1 << 16)
    elapsed = time.perf_counter() - start
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(terminal)
    return elapsed


def test_first_paint(tmp_path):
    """Medians of several starts in turn, the files in the system's cache."""
    fext = [sys.executable, "-m", "fext_engine", "--resources", str(tmp_path / "resources")]
    bare = [sys.executable, "-c", BARE]
    for command in (fext, bare):
        seconds_to_paint(command)
    times = [(seconds_to_paint(fext), seconds_to_paint(bare)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"\nfirst paint: fext {ours * 1000:.0f} ms, a bare Textual app {theirs * 1000:.0f} ms, ratio {ours / theirs:.2f}")
