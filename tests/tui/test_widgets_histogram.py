"""The histogram: bars, channels, axis, any size."""

from __future__ import annotations

import numpy as np
import pytest
from textual.app import App, ComposeResult

from fext_tui.widgets.histogram import Histogram, median_of, rebin


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield Histogram()


def lines(widget: Histogram) -> list[str]:
    return [widget.render_line(y).text for y in range(widget.size.height)]


async def test_one_statistic():
    app = Host()
    async with app.run_test(size=(42, 10)) as pilot:
        histogram = app.query_one(Histogram)
        assert any("Nothing measured yet" in line for line in lines(histogram))
        histogram.show([1, 2, 8, 0], [0, 10, 20, 30, 40], title="[red]width[/]", unit="px")
        await pilot.pause()
        shown = lines(histogram)
        assert shown[0].startswith(" [red]width[/] px  n = 11")
        assert shown[-1].startswith(" 0 ") and shown[-1].rstrip().endswith("40") and "median 23.12" in shown[-1]
        assert [line[25] for line in shown[1:-1]] == ["█"] * 8, "the tallest bar fills the height"
        assert [line[5] for line in shown[1:-1]] == [" "] * 7 + ["█"]
        assert all(line[35] == " " for line in shown[1:-1]), "an empty bin is empty"
        histogram.clear()
        assert any("Nothing measured yet" in line for line in lines(histogram))


async def test_channels_at_any_size():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        histogram = app.query_one(Histogram)
        counts = np.arange(256)
        histogram.show_channels({"red": counts, "green": counts, "blue": counts[::-1]}, np.arange(257), title="pixels")
        for size in ((80, 24), (20, 6), (5, 4), (1, 1), (200, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert all(histogram.render_line(y).cell_length == size[0] for y in range(histogram.size.height))
        text = "\n".join(lines(histogram))
        assert all(name in text for name in ("red", "green", "blue")) and "median" not in text


async def test_no_counts_and_wrong_counts():
    app = Host()
    async with app.run_test(size=(40, 10)):
        histogram = app.query_one(Histogram)
        histogram.show([0, 0], [0, 1, 2])
        assert any("Nothing measured yet" in line for line in lines(histogram))
        histogram.show([], [])
        with pytest.raises(ValueError, match="one edge more"):
            histogram.show([1, 2], [0, 1])


def test_bins_keep_their_heights():
    assert rebin([1, 2], 4) == [1, 1, 2, 2]
    assert rebin([1, 3, 5, 7], 2) == [2, 6]
    assert rebin([], 5) == [] and rebin([1], 0) == []
    assert median_of([1, 1], [0, 1, 2]) == 1
    assert median_of([0, 10], [0, 1, 2]) == 1.5
