"""A fault of the UI itself leaves a file and one sentence; the debug page names it, with versions, devices and paths."""

from __future__ import annotations

import pytest
from app_driver import opened, press, screen_text, until

from fext_engine.errors import FextError
from fext_engine.logs import last_crash
from fext_tui.app import FextApp


async def test_an_unhandled_exception_leaves_a_file_and_one_sentence(workspace, capsys, monkeypatch):
    monkeypatch.delenv("FEXT_DEBUG", raising=False)
    app = FextApp(workspace)
    with pytest.raises(ZeroDivisionError):
        async with app.run_test() as pilot:
            app.call_later(lambda: 1 // 0)
            await pilot.pause()
    path = last_crash(workspace.logs)
    assert "ZeroDivisionError" in path.read_text() and "test_crash_and_debug" in path.read_text()
    assert str(path) in app.crash and "please report it" in app.crash and "\n" not in app.crash
    assert app.return_code == 1 and not capsys.readouterr().err


async def test_the_debug_page_tells_and_copies_versions_terminal_devices_and_paths(with_images, monkeypatch):
    answers = iter([["cpu  one"], FextError("torch does not start: no disk", "install it")])

    def ask():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("fext_engine.maintenance.installation.ask_for_devices", ask)
    crash = with_images.logs / "crash_20260101T000000.txt"
    crash.write_text("old")
    async with opened(with_images, size=(160, 60)) as (app, pilot):
        await press(pilot, "f12")
        await until(pilot, lambda: "cpu  one" in screen_text(app), "the devices")
        shown = screen_text(app)
        assert "truecolor" in shown and "160 x 60" in shown and "fext-dark" in shown and str(crash) in shown
        await press(pilot, "j", "k", "y")
        for part in ("fext ", "textual ", "torch ", "numpy ", str(with_images.ui_file), str(crash), "  cpu  one"):
            assert part in app.clipboard
        await press(pilot, "escape", "f12")
        await until(pilot, lambda: "no disk" in screen_text(app), "the reason")
