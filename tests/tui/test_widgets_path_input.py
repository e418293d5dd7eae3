"""The path line: completion by Tab, and words for a path that is no folder."""

from __future__ import annotations

import os

import pytest
from app_driver import until
from textual.app import App, ComposeResult
from textual.widgets import Input

from fext_engine.images.scan import is_image_name
from fext_tui.widgets.path_input import PathInput, complete_path


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield PathInput()
        yield Input(id="next")


@pytest.fixture
def tree(tmp_path):
    for name in ("photos/cats", "photos/[red]dogs[/]", ".hidden", "phone"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "photo.jpg").write_bytes(b"")
    return tmp_path


async def test_tab_completes_then_goes_on(tree):
    app = Host()
    async with app.run_test(size=(160, 12)) as pilot:
        path = app.query_one(PathInput)
        path.focus()
        path.value = f"{tree}{os.sep}phot"
        path.cursor_position = len(path.value)
        await until(pilot, lambda: path.check_action("complete", ()), "the completion")
        await pilot.press("tab")
        assert path.value == f"{tree}{os.sep}photos{os.sep}" and app.focused is path
        await until(pilot, lambda: path.check_action("complete", ()), "the next completion")
        await pilot.press("tab")
        assert path.value.endswith(f"[red]dogs[{os.sep}") or path.value.endswith(f"cats{os.sep}")
        path.value = str(tree)
        path.cursor_position = 0
        await pilot.press("tab")
        assert app.focused is app.query_one("#next")


async def test_says_what_is_wrong(tree):
    app = Host()
    async with app.run_test(size=(100, 12)) as pilot:
        path = app.query_one(PathInput)
        for value, error in (
            (str(tree), ""),
            ("", ""),
            (f"{tree}/none", "there is no such folder"),
            (f"{tree}/photo.jpg", "this is a file, not a folder"),
            ("~nobody-of-this-name/x", "not a path that can be read"),
            ("x" * 5000, "no"),
        ):
            path.value = value
            await pilot.pause()
            assert error in path.error and bool(path.error) == bool(error)
            assert path.border_subtitle == path.error
            assert (path.path is None) == (bool(error) or not value)


def test_completion_is_careful(tree):
    base = f"{tree}{os.sep}"
    assert complete_path(base + "ph") == base + "phone" + os.sep
    assert complete_path(base + "photo.") is None, "files are not offered"
    assert complete_path(base + "photo.", accepts=is_image_name) == base + "photo.jpg"
    assert complete_path(base) == base + "phone" + os.sep
    assert complete_path(base + ".h") == base + ".hidden" + os.sep
    assert complete_path(base + "none/x") is None and complete_path("") is None
    assert complete_path("\0") is None
    assert complete_path("~") == "~" + os.sep
