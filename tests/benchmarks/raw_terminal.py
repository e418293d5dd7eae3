"""A program in a pseudo-terminal that is only timed and counted, and the bare app that FeXT is measured against."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil

PROJECT = Path(__file__).parents[2]

BARE_APP = """
from textual.app import App
from textual.widgets import DataTable, Footer, Header

class Bare(App):
    TITLE = "FeXT"
    BINDINGS = [("q", "quit", "Quit")]

    def compose(self):
        yield Header()
        yield DataTable(cursor_type="row")
        yield Footer()

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("image", "size")
        table.add_rows([(f"picture_{n:07}.jpg", str(n)) for n in range(1, 101)])
        table.focus()

Bare().run()
"""


class RawTerminal:
    """Runs `python ARGUMENTS` in a terminal of 120x40 cells with all colours; nothing it writes is drawn."""

    def __init__(self, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FEXT", "TEXTUAL", "NO_COLOR", "TMUX"))}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(PROJECT)},
        )  # fmt: skip
        os.close(slave)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def until(self, word: bytes, seconds: float = 60.0) -> float:
        """Read until `word` comes; return how many seconds that took."""
        start = time.perf_counter()
        output = b""
        while word not in output:
            ready, _, _ = select.select([self._master], [], [], max(0.0, start + seconds - time.perf_counter()))
            assert ready, f"no {word!r} in {seconds:.0f} s, but {output[-2000:]!r}"
            output += os.read(self._master, 1 << 16)
        return time.perf_counter() - start

    def count(self, seconds: float) -> int:
        """How many bytes come in so many seconds."""
        end = time.perf_counter() + seconds
        total = 0
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._master], [], [], left)[0]:
                total += len(os.read(self._master, 1 << 16))
        return total

    @property
    def megabytes(self) -> float:
        """Resident memory of the process."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
