"""File names as printable text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fext_engine.paths import escape_name, unescape_name

# What os.fsdecode gives: any text without other surrogates than those of raw bytes.
fs_names = st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape")) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=60
)


@given(fs_names)
def test_every_name_comes_back(name):
    assert unescape_name(escape_name(name)) == name


@given(st.text(st.characters(), max_size=60))
def test_the_text_is_one_printable_line_that_files_take(name):
    text = escape_name(name)
    assert text.isprintable()
    assert len(text.splitlines()) <= 1
    text.encode("utf-8")


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_names_have_different_texts(one, other):
    assert (escape_name(one) == escape_name(other)) == (one == other)


@given(st.text(max_size=60))
def test_text_that_nobody_escaped_does_no_harm(text):
    unescape_name(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bär 1/[red]x.png", "bär 1/[red]x.png"),
        ("a\nb.jpg", r"a\nb.jpg"),
        ("back\\slash", r"back\\slash"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\udcff\udcfe", r"\xff\xfe"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_names_as_they_are_shown(name, text):
    assert escape_name(name) == text


@pytest.mark.parametrize("text", ["trailing\\", r"\q", r"\x1", r"\U99999999", "\\\\\\"])
def test_a_loose_backslash_stays(text):
    assert isinstance(unescape_name(text), str)
