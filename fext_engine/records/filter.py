"""The filter line: `noise_ratio > 0.3 and class = 'cats'` made into an SQL condition over known columns.

    filter     := and-part { "or" and-part }
    and-part   := not-part { "and" not-part }
    not-part   := "not" not-part | "(" filter ")" | condition
    condition  := column ("=" | "!=" | "<" | "<=" | ">" | ">=") value
                | column "contains" value | column "is" ["not"] "empty" | column ["not"] "in" "(" value {"," value} ")"
    value      := number | 'text' | "text"        a quote inside a text is doubled

Nothing that is typed becomes SQL: columns come from a list, operators from a table, values are bound. Logic has
two values: an empty cell equals nothing and is neither above nor below anything, and `not` turns that around.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from fext_engine.errors import FextError
from fext_engine.records.images import LIST_COLUMNS

TEXT_COLUMNS: Final = frozenset(
    {"path", "class", "split", "status", "reason", "format", "mode", "notes", "digest", "excluded_reason"}
)
LONGEST = 4000
"""Characters of a filter: a chain of conditions as long stays below the depth that SQLite takes."""
DEEPEST = 50
"""How deep `not` and parentheses nest."""

_COMPARISONS: Final = {
    # an empty cell equals nothing, so it differs from everything
    "=": "{} IS ?", "==": "{} IS ?", "!=": "{} IS NOT ?", "<>": "{} IS NOT ?",
    "<": "({} < ?) IS TRUE", "<=": "({} <= ?) IS TRUE", ">": "({} > ?) IS TRUE", ">=": "({} >= ?) IS TRUE",
}  # fmt: skip
_WORDS: Final = ("=", "!=", "<", "<=", ">", ">=", "contains", "is empty", "in")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<text>'(?:[^']|'')*' | "(?:[^"]|"")*")
      | (?P<word>[^\W\d]\w*)
      | (?P<sign><=|>=|!=|<>|==|[=<>(),])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on images: what was typed, and its SQL with the values to bind."""

    text: str
    sql: str
    values: tuple[float | str, ...]
    columns: tuple[str, ...]
    """The columns it asks about, each once, in the order of their first mention."""


class FilterError(FextError):
    """A filter that cannot be read; `position` is the character where, from 0."""

    def __init__(self, position: int, what: str, do: str) -> None:
        super().__init__(f"the filter, at character {position + 1}: {what}", do)
        self.position = position


def parse_filter(text: str) -> Filter:
    """Read a filter; raises FilterError with the place, what was expected there and the nearest names."""
    if len(text) > LONGEST:
        raise FilterError(LONGEST, f"it is longer than {LONGEST:,} characters", "shorten it")
    reader = _Reader(_tokens(text), len(text))
    sql = reader.either(0)
    if reader.kind != "end":
        raise reader.unexpected("`and`, `or` or the end")
    return Filter(text, sql, tuple(reader.values), tuple(dict.fromkeys(reader.columns)))


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    found = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            raise _not_a_token(text, place)
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind)))
        place = match.end()
    return found


def _not_a_token(text: str, place: int) -> FilterError:
    character = text[place]
    if character in "'\"":
        return FilterError(place, "this text has no end", f"close it with {character}")
    if character.isdigit() or character in "+-.":
        return FilterError(place, "this is no number", "a number is written as 12, -0.5 or 1e-3")
    return FilterError(
        place, f"{character!r} means nothing here", "write a column, an operator and a value; texts in quotes"
    )


class _Reader:
    """Goes through the tokens once; each method reads one rule of the grammar and returns its SQL."""

    def __init__(self, tokens: Sequence[_Token], end: int) -> None:
        self._tokens = [*tokens, _Token("end", "", end)]
        self._index = 0
        self.values: list[float | str] = []
        self.columns: list[str] = []

    @property
    def _token(self) -> _Token:
        return self._tokens[self._index]

    @property
    def kind(self) -> str:
        return self._token.kind

    def unexpected(self, wanted: str) -> FilterError:
        found = f"found {self._token.text!r}" if self.kind != "end" else "the filter ends"
        return FilterError(self._token.position, f"{found} where {wanted} should be", _EXAMPLE)

    def _takes(self, text: str) -> bool:
        """Step over `text`, a sign or a word in any case, if it is next."""
        if self.kind not in ("sign", "word") or self._token.text.lower() != text:
            return False
        self._index += 1
        return True

    def either(self, depth: int) -> str:
        parts = [self._both(depth)]
        while self._takes("or"):
            parts.append(self._both(depth))
        return f"({' OR '.join(parts)})" if len(parts) > 1 else parts[0]

    def _both(self, depth: int) -> str:
        parts = [self._one(depth)]
        while self._takes("and"):
            parts.append(self._one(depth))
        return f"({' AND '.join(parts)})" if len(parts) > 1 else parts[0]

    def _one(self, depth: int) -> str:
        if depth > DEEPEST:
            raise FilterError(self._token.position, f"nested deeper than {DEEPEST}", "use fewer parentheses")
        if self._takes("not"):
            return f"NOT ({self._one(depth + 1)})"
        if self._takes("("):
            inner = self.either(depth + 1)
            if not self._takes(")"):
                raise self.unexpected("`and`, `or` or a closing parenthesis")
            return inner
        return self._condition()

    def _condition(self) -> str:
        column = self._column()
        if self._token.text in _COMPARISONS:
            operator = _COMPARISONS[self._token.text]
            self._index += 1
            self.values.append(self._value(column))
            return operator.format(column)
        if self._takes("contains"):
            self.values.append(self._as_text())
            return f"(instr(lower({column}), lower(?)) > 0) IS TRUE"
        if self._takes("is"):
            negated = "NOT " if self._takes("not") else ""
            if not self._takes("empty"):
                raise self.unexpected("`empty` (or `not empty`)")
            return f"{negated}coalesce({column}, '') = ''"
        negated = "NOT " if self._takes("not") else ""
        if self._takes("in"):
            return f"{negated}{self._among(column)}"
        raise self.unexpected("`in`" if negated else f"one of {', '.join(_WORDS)}")

    def _among(self, column: str) -> str:
        if not self._takes("("):
            raise self.unexpected("a list such as ('a', 'b')")
        before = len(self.values)
        self.values.append(self._value(column))
        while self._takes(","):
            self.values.append(self._value(column))
        if not self._takes(")"):
            raise self.unexpected("a comma or a closing parenthesis")
        return f"({column} IN ({', '.join('?' * (len(self.values) - before))})) IS TRUE"

    def _column(self) -> str:
        token = self._token
        if token.kind != "word" or token.text.lower() in ("and", "or"):
            raise self.unexpected("a column")
        name = token.text.lower()
        if name not in LIST_COLUMNS:
            near = get_close_matches(name, LIST_COLUMNS, n=3, cutoff=0.5)
            way_out = (
                f"did you mean {' or '.join(near)}?" if near else f"columns are {', '.join(LIST_COLUMNS)}"
            )
            raise FilterError(token.position, f"there is no column {token.text!r}", way_out)
        self._index += 1
        self.columns.append(name)
        return name

    def _value(self, column: str) -> float | str:
        """A value that can be compared with `column`; a number where texts are is its text, as typed."""
        if column in TEXT_COLUMNS:
            return self._as_text()
        token = self._token
        if token.kind != "number":
            if token.kind in ("text", "word"):
                raise FilterError(
                    token.position, f"{column} is a number", f"write {column} > 0.5, without quotes"
                )
            raise self.unexpected("a number")
        if not math.isfinite(float(token.text)):
            raise FilterError(token.position, "this number is too large", "give one below 1e308")
        self._index += 1
        return float(token.text)

    def _as_text(self) -> str:
        token = self._token
        if token.kind == "word":
            raise FilterError(token.position, "texts stand in quotes", f"write '{token.text}'")
        if token.kind not in ("text", "number"):
            raise self.unexpected("a text in quotes")
        self._index += 1
        if token.kind == "number":
            return token.text
        quote = token.text[0]
        value = token.text[1:-1].replace(quote * 2, quote)
        if not value.isprintable():  # no stored text holds such characters: names are escaped
            raise FilterError(token.position, "this text holds characters that no name holds", "type it anew")
        return value


_EXAMPLE: Final = "for example: noise_ratio > 0.3 and class = 'cats'"
