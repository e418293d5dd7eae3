"""The UI's configuration file: theme and keys taken from it, refused with words, and the theme kept in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from app_driver import notices, opened, press, screen_text, until
from textual.app import App

import fext_tui
from fext_engine.errors import FextError
from fext_tui.app import FextApp
from fext_tui.configuration import Configuration, read_configuration, remember_theme
from fext_tui.dialogs.confirm import ConfirmDialog
from fext_tui.key_names import bindings_of, key_of
from fext_tui.keys import classes_with_keys, key_problems

THEMES = ("fext-dark", "fext-light")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ui.toml"


# Reading and writing


def test_no_file_means_the_defaults(file):
    assert read_configuration(file, THEMES) == Configuration()


def test_ids_are_written_with_quotation_marks_or_as_tables(file):
    file.write_text('theme = "fext-light"\n[keys]\n"model.train" = "ctrl+t, comma"\nmodel.resume = "ä"\nquit = "f10,?"\n')
    found = read_configuration(file, THEMES)
    assert found.theme == "fext-light"
    assert found.keys == {"model.train": "ctrl+t,comma", "model.resume": "ä", "quit": "f10,?"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("theme = 'pink'", ("theme = 'pink'", "fext-dark, fext-light")),
        ("theme = 3", ("theme = 3", "fext-dark")),
        ("colour = 'red'", ("'colour'", "theme and keys")),
        ("keys = 'x'", ("keys = 'x'", "[keys]")),
        ("[keys]\nquit = 3", ("keys.quit = 3", "a letter")),
        ("[keys]\nquit = ''", ("keys.quit = ''", "a letter")),
        ("[keys]\nquit = 'hyperspace'", ("keys.quit = 'hyperspace'", "f2")),
        ("[keys]\nquit = 'strg+q'", ("keys.quit = 'strg+q'", "ctrl+t")),
        ("[keys]\nquit = ['q']", ("keys.quit = ['q']", "several apart by commas")),
        ("theme = ", ("Invalid value", "correct the line")),
        (b"theme = '\xff'", ("utf-8", "correct the line")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_file_key_value_and_what_is_allowed(file, text, words):
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FextError) as refused:
        read_configuration(file, THEMES)
    assert all(word in str(refused.value) for word in (str(file), *words))


def test_a_theme_is_remembered_and_the_rest_of_the_file_stays(file):
    remember_theme(file, "fext-light")
    assert file.read_text() == 'theme = "fext-light"\n'
    file.write_text('# mine\ntheme = "x"  # for the beamer\n\n[keys] # few\nquit = "Q"\ntheme = "T"\n')
    remember_theme(file, "fext-dark")
    assert file.read_text() == '# mine\ntheme = "fext-dark"\n\n[keys] # few\nquit = "Q"\ntheme = "T"\n'
    file.write_text("broken")
    with pytest.raises(FextError, match="correct the line"):
        remember_theme(file, "fext-dark")
    assert file.read_text() == "broken"


# Keys


def test_every_key_has_an_id_and_words():
    for node in classes_with_keys():
        for binding in bindings_of(node):
            assert binding.id, f"{node.__name__}: {binding.key} has no id"
            assert binding.description, f"{node.__name__}: {binding.id} has no description"


def test_every_key_that_a_sentence_names_is_somebodys():
    ids = {binding.id for node in classes_with_keys() for binding in bindings_of(node)}
    named = {
        found[1]
        for path in Path(fext_tui.__file__).parent.rglob("*.py")
        for found in re.finditer(r"""key(?:_of\([\w.]+, |\()["']([a-z][a-z.-]+)["']""", path.read_text())
    }
    assert len(named) > 25 and named <= ids
    with pytest.raises(KeyError):
        key_of(App(), "nobodys")


def test_unknown_ids_and_keys_given_twice_are_told():
    assert key_problems({"model.train": "f5", "jobs": "f6"}) == []
    (unknown,) = key_problems({"model.trian": "t"})
    assert "'model.trian'" in unknown and "model.train" in unknown
    (on_one_screen,) = key_problems({"model.train": "e"})
    assert on_one_screen == "'e' is given to model.encode and model.train"
    assert any("job.stop and model.train" in problem for problem in key_problems({"model.train": "x"}))
    assert any("list.down" in problem for problem in key_problems({"data.analyze": "j"}))
    assert key_problems({"model.train": "e", "model.encode": "t"}) == [], "two that change places"


def test_keys_of_plots_and_pictures_clash_with_those_of_the_screen_around_them():
    assert key_problems({"loss-plot.metric-before": "t"}) == ["'t' is given to loss-plot.metric-before and model.train"]
    assert key_problems({"viewer.facts": "plus"}) == ["'plus' is given to picture.zoom-in and viewer.facts"]
    assert "'h' is given to sheet.left and viewer.facts" in key_problems({"viewer.facts": "h"})
    assert key_problems({"log.level": "x"}) == ["'x' is given to job.stop and log.level"]
    assert key_problems({"data.analyze": "z"}) == [], "no plot is on the Data screen"
    assert key_problems({"model.zoom": "u", "loss-plot.zoom": "u"}) == [], "the same, wherever the focus is"


# In the app


async def test_other_keys_work_and_are_shown_everywhere(with_images):
    with_images.ui_file.write_text('theme = "nord"\n[keys]\n"mode.model" = "f2"\n"data.analyze" = "Z"\nhelp = "f1"\n"job.stop" = "ctrl+x"\n')
    async with opened(with_images, size=(120, 60)) as (app, pilot):
        assert app.theme == "nord"
        assert "Z Analyze" in screen_text(app) and "f1 help" in screen_text(app)
        await press(pilot, "2")
        assert app.current_mode == "data"
        await press(pilot, "f1")
        await until(pilot, lambda: "Everywhere" in screen_text(app), "the help")
        lines = [line.split("│")[1].split() for line in screen_text(app).splitlines() if "│" in line]
        assert ["f2", "Model", "mode.model"] in lines and any(line[:1] == ["Z"] and line[-1] == "data.analyze" for line in lines if line)
        await press(pilot, "escape", "f2")
        assert app.current_mode == "model"
        assert app.key("job.stop") == "^x"
        command = next(c for c in app.get_system_commands(app.screen) if c.title == "Help")
        assert "f1" in command.help
        assert not notices(app)


async def test_sentences_name_the_keys_in_force(workspace):
    keys = {"model.train": "ctrl+t", "data.sample": "N", "mode.model": "f2", "settings": "f3", "confirm.yes": "j", "list.open": "O"}
    workspace.ui_file.write_text("[keys]\n" + "".join(f'"{name}" = "{key}"\n' for name, key in keys.items()))
    async with opened(workspace, size=(120, 60)) as (app, pilot):
        assert "sample dataset (N)" in screen_text(app) and "f2 Model" in screen_text(app)
        await press(pilot, "f2")
        await until(pilot, lambda: "No runs yet: ^t trains one with the settings (f3)" in screen_text(app), "the empty list")
        await press(pilot, "r")
        assert "There is no run yet: ^t trains one." in notices(app)[-1]
        await press(pilot, "3")
        await until(pilot, lambda: app.screen.MODE == "viewer", "the Viewer")
        await press(pilot, "]", "]")
        await until(pilot, lambda: "Model screen (f2)" in screen_text(app), "the way to reconstructions")
        await press(pilot, "]", "]")
        await until(pilot, lambda: "O on an image of the Data screen (1)" in screen_text(app), "the way to a list")
        app.push_screen(ConfirmDialog("Sure", "Is it so?", "Yes"))
        await until(pilot, lambda: "Yes (j)" in screen_text(app) and "No (n)" in screen_text(app), "the buttons")


async def test_a_wrong_file_is_told_and_the_app_works(with_images):
    with_images.ui_file.write_text("[keys]\nquit = 5\n")
    async with opened(with_images) as (app, pilot):
        await until(pilot, lambda: notices(app), "the notice")
        assert "keys.quit = 5" in notices(app)[0] and str(with_images.ui_file) in notices(app)[0]
        await press(pilot, "q")
        assert not app.is_running


async def test_clashes_are_told_when_the_app_starts(with_images):
    with_images.ui_file.write_text('[keys]\n"model.train" = "x"\nnonsense = "f9"\n')
    async with opened(with_images) as (app, pilot):
        await until(pilot, lambda: notices(app), "the notice")
        assert "'nonsense'" in notices(app)[0] and "job.stop and model.train" in notices(app)[0]


async def test_a_theme_that_is_chosen_is_kept(workspace, monkeypatch):
    app = FextApp(workspace)
    async with app.run_test() as pilot:
        app.theme = "fext-light"
        await until(pilot, workspace.ui_file.exists, "the file")
        assert tomllib.loads(workspace.ui_file.read_text()) == {"theme": "fext-light"}
    assert FextApp(workspace).theme == "fext-light"
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "standard")
    assert FextApp(workspace).theme == "ansi-light", "of 16 colours the terminal's own"
