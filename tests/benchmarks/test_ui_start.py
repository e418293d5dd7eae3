"""How long `fext` takes to its first paint and to its first screen, beside a bare Textual app."""

from __future__ import annotations

import statistics

import pytest

pytest.importorskip("pty", reason="pseudo-terminals are of POSIX")
from raw_terminal import BARE_APP, RawTerminal

pytestmark = pytest.mark.benchmark
ROUNDS = 9


def seconds_to(words: list[bytes], *arguments: str) -> list[float]:
    """Start `python ARGUMENTS` and return the seconds until it wrote each of `words`; then end it."""
    terminal = RawTerminal(*arguments)
    times: list[float] = []
    for word in words:
        times.append(sum(times[-1:]) + terminal.until(word))
    terminal.close()
    return times


def test_first_paint(tmp_path, capsys):
    """Medians of several starts in turn, the files in the system's cache."""
    fext = ("-m", "fext_engine", "--resources", str(tmp_path / "resources"))
    bare = ("-c", BARE_APP)
    for command in (fext, bare):
        seconds_to([b"FeXT"], *command)
    times = [
        (*seconds_to([b"FeXT", b"Make a sample dataset"], *fext), *seconds_to([b"FeXT"], *bare))
        for _ in range(ROUNDS)
    ]
    paint, screen, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    with capsys.disabled():
        print(f"\nfirst paint: fext {paint * 1000:.0f} ms, a bare Textual app with header, table and footer ", end="")
        print(f"{theirs * 1000:.0f} ms, ratio {paint / theirs:.2f} (at most 1.5)")
        print(f"the whole Data screen: {screen * 1000:.0f} ms, ratio {screen / theirs:.2f}")
