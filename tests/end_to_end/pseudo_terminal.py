"""A program in a pseudo-terminal of its own: press keys, and wait for words on its screen."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len

_TOKEN = re.compile(r"\x1b\[(?P<arguments>[0-?]*)[ -/]*(?P<command>[@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|(?P<text>[^\x1b])", re.S)

_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*)?$")


class Screen:
    """What a terminal shows: just enough of one for what Textual writes."""

    def __init__(self, columns: int, rows: int) -> None:
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._rest = ""  # the beginning of a sequence whose end is still to come

    def write(self, output: str) -> None:
        """Take what the program wrote."""
        output = self._rest + output
        cut = _UNFINISHED.search(output)
        self._rest = output[cut.start() :] if cut else ""
        for token in _TOKEN.finditer(output.removesuffix(self._rest)):
            if token["text"]:
                self._put(token["text"])
            elif token["command"] == "H":
                row, _, column = token["arguments"].partition(";")
                self._row, self._column = int(row or 1) - 1, int(column or 1) - 1
            elif token["command"] == "J" or token[0] == "\x1b[?1049h":
                self._cells = [[" "] * len(line) for line in self._cells]

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row += 1
        elif 0 <= self._row < len(self._cells) and 0 <= self._column < len(self._cells[0]):
            self._cells[self._row][self._column] = character
            self._column += cell_len(character)

    def __str__(self) -> str:
        return "\n".join("".join(line).rstrip() for line in self._cells)


class PseudoTerminal:
    """Runs `command` in a terminal of `size` columns and rows. `raw` is all that it wrote."""

    def __init__(self, command: Sequence[str], cwd: Path, env: dict[str, str], size: tuple[int, int] = (120, 40)) -> None:
        self._master, slave = pty.openpty()
        self.raw = ""
        self.resize(*size)
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=env, preexec_fn=_take_terminal  # noqa: PLW1509 - it needs a terminal of its own
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with contextlib.suppress(OSError):  # Linux says so at the end
            while data := os.read(self._master, 1 << 16):
                output = decoder.decode(data)
                self.raw += output
                self._screen.write(output)

    @property
    def text(self) -> str:
        """What the screen shows."""
        return str(self._screen)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal, as a person who drags its corner does."""
        self._screen = Screen(columns, rows)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type `keys`."""
        os.write(self._master, keys.encode())

    def wait_for(self, words: str, seconds: float = 60.0) -> None:
        """Wait until `words`, a regular expression, are on the screen."""
        end = time.monotonic() + seconds
        while not re.search(words, self.text):
            assert time.monotonic() < end, f"no {words!r} in {seconds:.0f} s:\n{self.text}"
            assert self._reader.is_alive(), f"it ended:\n{self.text}"
            time.sleep(0.05)

    def wait(self, seconds: float = 30.0) -> int:
        """Wait for the end of the program and return its exit status."""
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def close(self) -> None:
        """End the program and let go of the terminal."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        os.close(self._master)


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
