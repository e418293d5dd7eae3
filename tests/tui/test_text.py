"""Text cut to cells."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from fext_tui.widgets.text import clip_start, format_bytes


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("/a/folder", 9, "/a/folder"),
        ("/a/folder", 7, "…folder"),
        ("/a/漢字", 5, "…漢字"),
        ("/a/漢字", 4, "…字"),
        ("/a", 1, "…"),
        ("/a", 0, ""),
    ],
)
def test_of_a_long_path_the_end_is_shown(text, width, shown):
    assert clip_start(text, width) == shown
    assert cell_len(shown) <= width


def test_bytes_for_people():
    assert [format_bytes(n) for n in (0, 999, 1500, 2_000_000, 3 * 10**9)] == ["0 B", "999 B", "1.5 KB", "2.0 MB", "3.0 GB"]
