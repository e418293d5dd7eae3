"""Log files that rotate, and crash files."""

from __future__ import annotations

import logging

import pytest

from fext_engine import logs
from fext_engine.logs import last_crash, start_logging, write_crash


@pytest.fixture(autouse=True)
def _quiet_afterwards():
    yield
    logger = logging.getLogger("fext")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True


def test_logs_rotate_and_take_any_name(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LOG_BYTES", 2000)
    start_logging(tmp_path, "ui")
    logger = start_logging(tmp_path, "ui")  # again: no line twice
    for number in range(200):
        logger.warning("line %d of \udcff", number)
    files = sorted(p.name for p in tmp_path.iterdir())
    assert files == ["ui.log", *(f"ui.log.{n}" for n in range(1, logs.LOG_FILES + 1))]
    assert all(p.stat().st_size <= 2000 for p in tmp_path.iterdir())
    newest = (tmp_path / "ui.log").read_text().splitlines()
    assert newest[-1].endswith(r"WARNING line 199 of \udcff")
    assert len(newest) == len(set(newest))


def test_a_log_that_cannot_be_written_disturbs_nobody(tmp_path, capsys):
    start_logging(tmp_path / "none", "ui").warning("lost")
    assert capsys.readouterr() == ("", "")


def test_crash_files_hold_the_traceback_and_old_ones_go(tmp_path, monkeypatch):
    assert last_crash(tmp_path) is None
    for number in range(logs.CRASH_FILES + 3):
        monkeypatch.setattr(logs, "timestamp", lambda number=number: f"20261123T{number:06d}")
        try:
            raise ValueError(f"fault {number} in a file called \udcff")
        except ValueError as error:
            path = write_crash(tmp_path, error)
    assert last_crash(tmp_path) == path
    assert rf"ValueError: fault {number} in a file called \udcff" in path.read_text()
    assert len(list(tmp_path.iterdir())) == logs.CRASH_FILES
    assert write_crash(tmp_path / "none", ValueError()) is None
