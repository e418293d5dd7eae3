"""Every option: its range, its help, and how a wrong one is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from fext_engine.errors import SettingsError
from fext_engine.settings import Settings, check_option, find_option, options, section_help

ALL = [pytest.param(option, id=option.key) for option in options()]


@pytest.mark.parametrize("option", ALL)
def test_every_option_has_help_and_allows_its_default(option):
    assert option.help.endswith(".")
    assert section_help(option.section)
    assert option.allowed
    assert check_option(option.key, option.default) == option.default == Settings().get(option.key)


@pytest.mark.parametrize("option", [p for p in ALL if p.values[0].minimum is not None])
def test_the_limits_hold(option):
    step = 1 if option.kind != "float" else 1e-9
    assert check_option(option.key, option.maximum) == option.maximum
    if not option.exclusive:
        assert check_option(option.key, option.minimum) == option.minimum
    beyond = [option.minimum if option.exclusive else option.minimum - step, option.maximum + step]
    for value in (*beyond, math.nan, math.inf, -math.inf, "nan", "", "x", None, [], True):
        with pytest.raises(SettingsError) as caught:
            check_option(option.key, value)
        assert option.key in caught.value.what
        assert option.allowed in caught.value.do


@pytest.mark.parametrize("option", [p for p in ALL if p.values[0].kind == "choice"])
def test_choices_are_these_and_no_others(option):
    for choice in option.choices:
        assert check_option(option.key, choice) == choice
    for value in ("", option.choices[0].upper() + "?", 1, None):
        with pytest.raises(SettingsError, match=option.choices[-1]):
            check_option(option.key, value)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("training.epochs", " 5 ", 5),
        ("dataset.sample_size", "0.25", 0.25),
        ("dataset.grayscale", "true", True),
        ("dataset.grayscale", "off", False),
        ("device.num_workers", "AUTO", "auto"),
        ("device.num_workers", "4", 4),
        ("dataset.images", "/photos/[red] ä", "/photos/[red] ä"),
    ],
)
def test_text_of_flags_and_variables_becomes_the_options_type(key, text, value):
    found = check_option(key, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", ["a\0b", "a\udcff", 5, None])
def test_text_that_no_file_can_keep_is_refused(value):
    with pytest.raises(SettingsError, match=r"dataset\.images"):
        check_option("dataset.images", value)


@pytest.mark.parametrize("value", ["9" * 5000, "x" * 5000, "1.5", 1.5, "4.5"])
def test_a_long_or_broken_number_is_refused_in_a_short_line(value):
    for key in ("training.epochs", "device.num_workers"):
        with pytest.raises(SettingsError) as caught:
            check_option(key, value)
        assert len(str(caught.value)) < 250
        str(caught.value).encode()


def test_an_unknown_key_suggests_the_nearest():
    with pytest.raises(
        SettingsError, match=r"unknown setting 'training\.epoch'; did you mean training\.epochs"
    ):
        find_option("training.epoch")
    with pytest.raises(SettingsError, match="fext presets options"):
        Settings().with_options({"q": 1})


def test_settings_are_frozen_and_change_by_copies():
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.training.epochs = 3
    changed = settings.with_options({"training.epochs": "3", "model.dropout": 0})
    assert (changed.training.epochs, changed.model.dropout) == (3, 0.0)
    assert settings == Settings()
    assert changed.with_options({}) == changed


@pytest.mark.parametrize("option", ALL)
def test_the_page_of_settings_tells_every_option_as_it_is(option):
    page = (Path(__file__).parents[2] / "resources" / "docs" / "settings.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {option.section}\n")[1].split("\n## ")[0]
    (row,) = [line for line in section.splitlines() if line.startswith(f"| {option.key} |")]
    for cell in (option.allowed, option.help):
        assert cell in row
    default = (
        "true" if option.default is True else "false" if option.default is False else str(option.default)
    )
    shown = default or '""'
    assert f"| {shown} |" in row


def test_the_page_of_settings_has_no_option_that_is_gone():
    page = (Path(__file__).parents[2] / "resources" / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [
        line.split("|")[1].strip()
        for line in page.splitlines()
        if line.startswith("| ") and "." in line.split("|")[1]
    ]
    assert rows == [option.key for option in options()]
