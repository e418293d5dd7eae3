"""Copying what is in focus by OSC 52: true paths whatever their bytes, settings, rows; and the notice about it."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from app_driver import notices, opened, press, type_into, until

from fext_tui.copying import clipboard_sequence, describe_copied
from fext_tui.widgets.row_list import RowList

NOT_UTF8 = os.fsdecode(b"caf\xe9 [red]x.png")


def copied(text: str) -> bytes:
    sequence = clipboard_sequence(text)
    assert sequence.startswith("\x1b]52;c;") and sequence.endswith("\a") and sequence.isascii()
    return base64.b64decode(sequence[7:-1])


def test_a_path_is_copied_byte_by_byte():
    assert copied("/a/b c.png") == b"/a/b c.png"
    assert copied("/漢字\n\x1b[31m") == "/漢字\n\x1b[31m".encode()
    assert copied(NOT_UTF8) == b"caf\xe9 [red]x.png"


def test_the_notice_is_one_printable_line():
    assert describe_copied(NOT_UTF8) == "caf\\xe9 [red]x.png"
    assert describe_copied("one\n\x1b[31mtwo") == "2 lines, from 'one'"
    assert len(describe_copied("x" * 10_000)) < 250


@pytest.mark.skipif(os.name == "nt", reason="a file's name in bytes")
async def test_the_image_the_field_and_the_folder_in_focus(with_images):
    odd = with_images.images / "a" / NOT_UTF8
    odd.write_bytes((with_images.images / "a" / "000.png").read_bytes())
    async with opened(with_images) as (app, pilot):
        rows = app.screen.query_one("#images", RowList)
        rows.cursor = app.screen.view.images.find("a/caf\\xe9 [red]x.png")
        await press(pilot, "y")
        assert app.clipboard == str(odd)
        assert notices(app) == ["Copied: " + str(odd.parent) + "/caf\\xe9 [red]x.png"]
        await press(pilot, "shift+tab", "y")
        assert app.clipboard == str(with_images.images), "the tabs have nothing of their own: the folder"
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.query("#settings"), "the form")
        await type_into(pilot, "training.epochs", "7")
        await press(pilot, "ctrl+y")
        assert app.clipboard == "training.epochs=7"
        await press(pilot, "escape", "3")
        await until(pilot, lambda: app.screen.pictures and app.screen.pictures.count(), "the pictures")
        await press(pilot, "y")
        assert Path(app.clipboard).is_file()


async def test_rows_of_dialogs_copy_what_names_them(with_images, scripted):
    async with opened(with_images) as (app, pilot):
        await press(pilot, "2", "y")
        assert "nothing to copy" in notices(app)[-1]
        await press(pilot, "p", "y")
        assert Path(app.clipboard).suffix == ".toml" and Path(app.clipboard).is_file()
        await press(pilot, "escape", "question_mark", "y")
        assert "model.train" in app.clipboard
