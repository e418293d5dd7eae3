"""What the fuzz tests share: how many examples they try, and how a whole file becomes one that a stranger might send.

HYPOTHESIS_PROFILE=long tries four hundred times as many, at random; else the examples are few and always the same.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"

TOKENS = (
    b"\0", b"\xff\xfe", b"\x1b[31m", b"\n", b"\r", b'"', b"'", b",", b"=", b"{", b"}", b"[", b"]", b"[[", b"../", b"/",
    rb"\x2e\x2e/", rb"\x00", rb"\ud800", b"-1", b"0", b"1e999", b"-inf", b"nan", b"NaN", b"null", b"true", b"9" * 400,
    b"9" * 5000, b"9223372036854775808", b"1979-05-27", b"0001-01-01T00:00:00", b"${A}", b"#", b"[" * 3000, b"a." * 300,
    "\u202e".encode(), "\u0661".encode(), b"(", b"-0x1", b"{}", b"[]", b'"x"', b"1_0", b"\x80" * 8, b"PK\x05\x06", b"O",
)  # fmt: skip


def fuzz(examples: int, factor: int = 400) -> settings:
    """The settings of a fuzz test."""
    return settings(
        max_examples=examples * factor if LONG else examples, derandomize=not LONG, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` after one to four small changes: bytes turned, cut, repeated, put in; lines doubled; words replaced."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        end = min(len(data), at + draw(st.integers(1, 40)))
        match draw(st.sampled_from(("turn", "cut", "remove", "repeat", "token", "token", "word", "word", "line"))):
            case "turn" if data:
                data[at] ^= draw(st.integers(1, 255))
            case "cut":
                del data[at:]
            case "remove":
                del data[at:end]
            case "repeat":
                data[at:at] = data[at:end]
            case "token":
                data[at:at] = draw(st.sampled_from(TOKENS))
            case "word":  # a value as a whole, so that the file stays well formed
                start = max((data.rfind(c, 0, at + 1) for c in (b" ", b",", b":", b"=", b"\n")), default=-1) + 1
                stop = min((p for c in (b" ", b",", b"\n", b"}") if (p := data.find(c, start)) >= 0), default=len(data))
                data[start:stop] = draw(st.sampled_from(TOKENS))
            case "line":
                start = data.rfind(b"\n", 0, at) + 1
                stop = data.find(b"\n", at) + 1 or len(data)
                data[stop:stop] = data[start:stop]
    return bytes(data)
