"""The filter line: random filters against a small interpreter, errors with their place, and nothing that harms."""

from __future__ import annotations

import operator
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fext_engine.errors import FextError
from fext_engine.records.filter import DEEPEST, LONGEST, FilterError, parse_filter

COLUMNS = {"width": "number", "mean": "number", "class": "text", "format": "text"}
NUMBERS = (None, -1.5, 0, 0.25, 3, 1e9)
TEXTS = (None, "", "cats", "CATS", "it's", 'say "x"', "%", "a_b", "Ä", "3")
ROWS = [
    dict(zip(COLUMNS, (NUMBERS[i % 6], NUMBERS[i * 7 // 3 % 6], TEXTS[i % 10], TEXTS[i * 3 // 2 % 10]), strict=True))
    for i in range(60)
]
ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@pytest.fixture(scope="module")
def table():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, width, mean REAL, class TEXT, format TEXT)")
    connection.executemany("INSERT INTO images VALUES (NULL, ?, ?, ?, ?)", [tuple(row.values()) for row in ROWS])
    yield connection
    connection.close()


def chosen(table, text: str) -> list[int]:
    parsed = parse_filter(text)
    return [r[0] - 1 for r in table.execute(f"SELECT id FROM images WHERE {parsed.sql} ORDER BY id", parsed.values)]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


@st.composite
def conditions(draw):
    """A condition as (text, what it means for a row)."""
    column = draw(st.sampled_from(sorted(COLUMNS)))
    is_text = COLUMNS[column] == "text"
    value = draw(st.sampled_from([v for v in (TEXTS if is_text else NUMBERS) if v is not None]))
    written = quoted(value) if is_text else repr(value)
    kind = draw(st.sampled_from(["=", "!=", *ORDERS, "contains", "is empty", "is not empty", "in", "not in"]))
    if kind == "contains":
        part = draw(st.sampled_from(["a", "AT", "'", "%", "", "5"]))
        return f"format contains {quoted(part)}", lambda row: row["format"] is not None and ascii_lower(part) in ascii_lower(row["format"])
    if kind in ("is empty", "is not empty"):
        return f"{column} {kind}", lambda row: (row[column] in (None, "")) == (kind == "is empty")
    if kind in ("in", "not in"):
        return f"{column} {kind} ({written}, {written})", lambda row: (row[column] == value) == (kind == "in")
    if kind in ("=", "!="):
        return f"{column}{kind}{written}", lambda row: (row[column] == value) == (kind == "=")
    return f"{column} {kind} {written}", lambda row: row[column] is not None and ORDERS[kind](row[column], value)


def combined(parts):
    def both(word, a, b):
        join = all if word == "and" else any
        return f"({a[0]} {word} {b[0]})", lambda row: join((a[1](row), b[1](row)))

    return st.one_of(
        st.builds(both, st.sampled_from(["and", "or"]), parts, parts),
        parts.map(lambda a: (f"not {a[0]}", lambda row: not a[1](row))),
        parts.map(lambda a: (f"NOT ( {a[0]})", lambda row: not a[1](row))),
    )


@settings(max_examples=400, deadline=None)
@given(st.recursive(conditions(), combined, max_leaves=8))
def test_sql_chooses_what_the_filter_means(table, made):
    text, means = made
    assert chosen(table, text) == [i for i, row in enumerate(ROWS) if means(row)]


def test_and_binds_closer_than_or_and_not_closest(table):
    a, b, c = "width > 1", "class = 'cats'", "format is empty"
    assert chosen(table, f"{a} or {b} and {c}") == chosen(table, f"{a} or ({b} and {c})")
    assert chosen(table, f"not {a} and {b}") == chosen(table, f"(not {a}) and {b}")
    assert chosen(table, f"not {a} or {b} and {c}") != chosen(table, f"not ({a} or {b}) and {c}")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(["mean", ">", "1", "'", '"', ";", "--", "(", ")", "not", "or", "in", ",", "DROP TABLE images", "\x00", "\udce9"]), max_size=12).map(" ".join))
def test_whatever_is_typed_is_read_or_refused(table, text):
    try:
        parsed = parse_filter(text)
    except FilterError as error:
        assert 0 <= error.position <= len(text) and error.do
        return
    table.execute(f"SELECT id FROM images WHERE {parsed.sql.replace('path', 'class')}", parsed.values)


@pytest.mark.parametrize(
    "value", ["x'; DROP TABLE images; --", "' OR 1=1 --", "\\'; --", "'/*", "?", ":a", "$1", "%(x)s", "{}"]
)
def test_injections_are_only_texts(table, value):
    assert chosen(table, f"class = {quoted(value)}") == []
    assert parse_filter(f"class = {quoted(value)}").values == (value,)
    assert table.execute("SELECT count(*) FROM images").fetchone()[0] == len(ROWS)


@pytest.mark.parametrize(
    "text",
    ["mean > 1; DROP TABLE images", "mean > 1 -- all", "1 = 1", "sqlite_version() = '3'", "mean > (SELECT 1)", "mean > width",
     "class = cats", "rowid = 1", "images.mean > 1", "mean > 1 union select 1", "mean in (select 1)", "mean = '1'", "root_id = 1"],
)  # fmt: skip
def test_what_is_not_in_the_grammar_is_refused(text):
    with pytest.raises(FilterError):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("nois_ratio > 0.3", 0, "did you mean noise_ratio"),
        ("mean > 3 and colorfulness > 1", 13, "colourfulness"),
        ("zzz = 1", 0, "columns are path, class"),
        ("mean >", 6, "the filter ends where a number should be"),
        ("mean 3", 5, "one of =, !=, <"),
        ("class = cats", 8, "write 'cats'"),
        ("mean > '3'", 7, "mean is a number"),
        ("(mean > 3", 9, "closing parenthesis"),
        ("mean > 3)", 8, "`and`, `or` or the end"),
        ("class = 'cats", 8, "close it with '"),
        ("mean > 1.2.3", 7, "this is no number"),
        ("mean > 1e999", 7, "too large"),
        ("mean is big", 8, "`empty`"),
        ("class in 'a'", 9, "a list such as"),
        ("mean ~ 3", 5, "'~' means nothing"),
        ("", 0, "the filter ends where a column should be"),
        ("   ", 3, "the filter ends"),
    ],
)
def test_an_error_says_where_and_what_is_allowed(text, position, said):
    with pytest.raises(FextError) as error:
        parse_filter(text)
    assert error.value.position == position and said in str(error.value)
    assert f"character {position + 1}" in str(error.value)


def test_depth_and_length_are_limited_and_within_them_all_is_read(table):
    deep = DEEPEST - 1
    assert chosen(table, "(" * deep + "mean > 1" + ")" * deep) == chosen(table, "mean > 1")
    for text in ("(" * 2000 + "mean > 1", "not " * 900 + "mean > 1"):
        with pytest.raises(FilterError, match="nested deeper"):
            parse_filter(text)
    chain = " or ".join(["mean>1"] * (LONGEST // 10))
    assert chosen(table, chain) == chosen(table, "mean > 1")
    assert len(parse_filter(f"mean in ({','.join('1' * 1900)})").values) == 1900
    with pytest.raises(FilterError, match="longer than"):
        parse_filter(chain + " or mean>1" * 2)


def test_columns_and_words_in_any_case_and_numbers_as_texts(table):
    parsed = parse_filter("MEAN > 1 AND Class Is Not Empty or class = 3")
    assert parsed.columns == ("mean", "class") and parsed.values == (1.0, "3")
    assert parse_filter('class = "it\'s ""big"""').values == ('it\'s "big"',)
