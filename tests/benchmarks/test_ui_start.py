"""How long `fext` takes to its first paint and to its first screen, beside a bare Textual app."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import pytest
from bare_app import BARE_APP

pytestmark = pytest.mark.benchmark
pty = pytest.importorskip("pty", reason="pseudo-terminals are of POSIX")

PROJECT = Path(__file__).parents[2]
ROUNDS = 9


def seconds_to(words: list[bytes], command: list[str]) -> list[float]:
    """Start `command` in a terminal and return the seconds until it wrote each of `words`; then end it."""
    start = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "PYTHONPATH": str(PROJECT)}
        os.execv(command[0], command)
    output, times = b"", []
    for word in words:
        while word not in output:
            output += os.read(terminal, 1 << 16)
        times.append(time.perf_counter() - start)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(terminal)
    return times


def test_first_paint(tmp_path, capsys):
    """Medians of several starts in turn, the files in the system's cache."""
    fext = [sys.executable, "-m", "fext_engine", "--resources", str(tmp_path / "resources")]
    bare = [sys.executable, "-c", BARE_APP]
    for command in (fext, bare):
        seconds_to([b"FeXT"], command)
    times = [
        (*seconds_to([b"FeXT", b"Make a sample dataset"], fext), *seconds_to([b"FeXT"], bare)) for _ in range(ROUNDS)
    ]
    paint, screen, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    with capsys.disabled():
        print(f"\nfirst paint: fext {paint * 1000:.0f} ms, a bare Textual app with header, table and footer ", end="")
        print(f"{theirs * 1000:.0f} ms, ratio {paint / theirs:.2f} (at most 1.5)")
        print(f"the whole Data screen: {screen * 1000:.0f} ms, ratio {screen / theirs:.2f}")
