"""A tmux server of the test's own: programs run in its one window, keys are sent to it, and its screen is read."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil


class Tmux:
    """Commands of tmux on a private socket, without anybody's configuration."""

    def __init__(self, cwd: Path, env: dict[str, str]) -> None:
        self._sockets = tempfile.mkdtemp(prefix="fext-tmux-")  # a test's own folder may be too long for a socket
        self._cwd = cwd
        self.env = env | {"TMUX_TMPDIR": self._sockets}
        self.command = ["tmux", "-u", "-L", "proof", "-f", "/dev/null"]

    def do(self, *words: str) -> str:
        """Run a tmux command and return what it printed."""
        command = [*self.command, *words]
        done = subprocess.run(command, env=self.env, cwd=self._cwd, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout

    def start(self, program: Sequence[str], columns: int = 80, rows: int = 24) -> None:
        """Start the server with `program` in a window of that size."""
        self.do("new-session", "-d", "-x", str(columns), "-y", str(rows), shlex.join(program))

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: `t`, `Enter`, `C-z`."""
        self.do("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type text as it is."""
        self.do("send-keys", "-l", text)

    @property
    def text(self) -> str:
        """What the window shows."""
        return self.do("capture-pane", "-p")

    def wait_for(self, words: str, seconds: float = 60.0) -> str:
        """Wait until `words`, a regular expression, are in the window; returns all that it shows then."""
        end = time.monotonic() + seconds
        while not re.search(words, shown := self.text):
            assert time.monotonic() < end, f"no {words!r} in {seconds:.0f} s:\n{shown}"
            time.sleep(0.1)
        return shown

    @property
    def program(self) -> psutil.Process:
        """The process in the window: the shell, or what was started without one."""
        return psutil.Process(int(self.do("display-message", "-p", "#{pane_pid}")))

    def kill(self) -> None:
        """End the server as a machine does that throws its users out: every program in it gets a hangup."""
        self.do("kill-server")

    def close(self) -> None:
        """End the server if it still runs."""
        with contextlib.suppress(subprocess.SubprocessError):
            self.kill()
        shutil.rmtree(self._sockets, ignore_errors=True)
