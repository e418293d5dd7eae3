"""What the tests of faults share: the helpers of other tests, undisturbed work to compare with, programs in terminals."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS / "engine"), str(TESTS / "end_to_end"), str(TESTS / "tui")]

if TYPE_CHECKING:
    from pseudo_terminal import PseudoTerminal
    from struck_job import StruckJob
    from whole_work import Work

    from fext_engine.workspace import Workspace


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Work, ...]]:
    """Train, encode and analyze, with what each leaves undisturbed; while they are in use a model is a tiny one."""
    from whole_work import all_work

    with all_work(tmp_path_factory.mktemp("works")) as works:
        yield works


@pytest.fixture
def start_job() -> Iterator[Callable[..., StruckJob]]:
    """Start a `StruckJob`; none outlives the test. Start jobs before terminals: a fork inherits what is open."""
    from struck_job import StruckJob

    started: list[StruckJob] = []

    def start(*arguments: object, **options: object) -> StruckJob:
        started.append(StruckJob(*arguments, **options))
        return started[-1]

    yield start
    for job in started:
        job.kill()


@pytest.fixture
def start_ui(tmp_path: Path) -> Iterator[Callable[[Workspace], PseudoTerminal]]:
    """Start the terminal UI on a workspace, in a terminal of its own."""
    from pseudo_terminal import PseudoTerminal

    opened: list[PseudoTerminal] = []
    others = ("FEXT", "TEXTUAL", "NO_COLOR", "COLORTERM", "TMUX", "COLUMNS", "LINES")
    env = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    env |= {"TERM": "xterm-256color", "PYTHONPATH": str(TESTS.parent), "LC_ALL": "C.UTF-8"}

    def start(workspace: Workspace) -> PseudoTerminal:
        command = [sys.executable, "-m", "fext_engine", "--resources", str(workspace.root)]
        opened.append(PseudoTerminal(command, tmp_path, env))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()
