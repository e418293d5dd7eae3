"""File names as printable, reversible text, for every place that stores or shows one."""

from __future__ import annotations

import re

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
_ESCAPE = re.compile(r"\\(?:([nrt\\])|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_FROM_SHORT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def escape_name(name: str) -> str:
    r"""Return `name` as one printable line that `unescape_name` turns back.

    A backslash is doubled; control, bidirectional and other unprintable characters become `\n`, `\x1b`
    or `\u202e`; a byte that is not UTF-8 (a surrogate of Python's `surrogateescape`) becomes `\xff`.
    Names of printable characters without a backslash come back unchanged.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(_escape_character(c) for c in name)


def unescape_name(text: str) -> str:
    """Return the true name that `escape_name` was given, fit for file access."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_unescape_match, text)


def printable(text: str) -> str:
    r"""Return `text` on one line without control, bidirectional or undecodable characters.

    Such a character shows as `\x1b` or `\u202e`. A backslash stays as it is: names arrive escaped already.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else _code(c) for c in text)


def _escape_character(c: str) -> str:
    if c in _SHORT:
        return _SHORT[c]
    if c.isprintable():
        return c
    return _code(c)


def _code(c: str) -> str:
    code = ord(c)
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a raw byte from the file system
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _unescape_match(match: re.Match[str]) -> str:
    short, byte, four, eight = match.groups()
    if short:
        return _FROM_SHORT[short]
    if byte:
        code = int(byte, 16)
        return chr(code) if code < 0x80 else chr(0xDC00 + code)
    code = int(four or eight, 16)
    return chr(code) if code <= 0x10FFFF else match.group()
