"""The loss plot: what it draws, what it leaves out, and its keys."""

from __future__ import annotations

import math

import pytest
from textual.app import App, ComposeResult
from textual.color import Color

from fext_tui.widgets.axis import log_ticks, nice_ticks, thin
from fext_tui.widgets.curves import first_epoch, smooth
from fext_tui.widgets.loss_plot import LossPlot


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield LossPlot()


def shown(plot: LossPlot) -> str:
    return "\n".join(plot.render_line(y).text for y in range(plot.size.height))


async def drawn(app: Host, pilot) -> None:
    """Wait until what came in is drawn: a worker does that while the lines before stay."""
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


def history(epochs: int) -> list[dict[str, object]]:
    return [
        {"epoch": n, "loss": 1 / n, "val_loss": 1.2 / n, "cosine_similarity": 1 - 1 / (n + 1), "note": "text"}
        for n in range(1, epochs + 1)
    ]


async def test_empty_then_filled_then_longer():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        plot = app.query_one(LossPlot)
        assert "No epochs yet" in shown(plot)
        plot.set_history(history(5))
        await drawn(app, pilot)
        text = shown(plot)
        assert text.startswith(" loss ") and "train 0.2 " in text and "validation 0.24" in text
        assert "best 0.24 at epoch 5" in text and "epoch" in text.splitlines()[-1]
        assert set("▀▄█▌▐▘▝▖▗") & set(text)
        plot.set_history(history(50))
        await drawn(app, pilot)
        assert "50" in shown(plot) and "best 0.024" in shown(plot)


async def test_keys_choose_metric_and_axis():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        plot = app.query_one(LossPlot)
        plot.set_history(history(30))
        plot.focus()
        assert plot.metrics == ["loss", "cosine_similarity"]
        await pilot.press("m")
        assert plot.metric == "cosine_similarity"
        assert shown(plot).startswith(" cosine similarity")
        await pilot.press("m", "l")
        assert plot.metric == "loss" and plot.log_scale
        assert "(log)" in shown(plot) and "0.05" in shown(plot)
        await pilot.click(plot, offset=(3, 0))
        assert plot.metric == "cosine_similarity"


async def test_smoothed_zoomed_and_beside_another_run():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        plot = app.query_one(LossPlot)
        plot.set_history(history(100))
        plot.focus()
        await pilot.press("S", "l", "z")
        assert shown(plot).startswith(" loss (log, smoothed)  ━ train 0.01 ")  # the figures are those of the epoch
        assert "the last 50 %" in shown(plot) and " 20 " not in shown(plot).splitlines()[-2]
        await pilot.press("z")
        assert "the last 20 %" in shown(plot)
        plot.set_other("[red]x\x1b", history(300))
        await drawn(app, pilot)
        assert shown(plot).splitlines()[1].startswith(" [red]x\\x1b  ━ train 0.003333 ")
        assert "best 0.004 at epoch 300" in shown(plot)
        colours = {s.style.color.triplet for y in range(2, 20) for s in plot.render_line(y) if s.text.strip()}
        await pilot.press("S")
        assert len(colours) > len(
            {s.style.color.triplet for y in range(2, 20) for s in plot.render_line(y) if s.text.strip()}
        )  # no faint ones behind
        await pilot.press("z")
        assert "the last" not in shown(plot)
        plot.set_other("", ())
        await drawn(app, pilot)
        assert "300" not in shown(plot)


def test_smoothing_is_that_of_tensorboard_and_zoom_leaves_two_points():
    points = [(1.0, 4.0), (2.0, 0.0), (3.0, 0.0)]
    assert smooth(points, 0.5) == [(1.0, 4.0), (2.0, pytest.approx(4 / 3)), (3.0, pytest.approx(4 / 7))]
    assert smooth(points, 0.0) == points and smooth([], 0.6) == []
    assert first_epoch([[(float(n), 0.0) for n in range(1, 102)]], 0.5) == 51
    assert first_epoch([points], 0.2) == 2 and first_epoch([points[:1]], 0.2) == 1 and first_epoch([], 0.2) == 0


@pytest.mark.parametrize("log_scale", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        [math.nan, math.inf, -math.inf],
        [0.0, 0.0],
        [-1.0, 2.0, math.nan],
        [0.5],
        [0.5, 0.5, 0.5],
        [1e308, 1e-308],
        [1e-30, 1e30],
        ["", None, "0.25", "x"],
        [-3.0, -2.0],
    ],
)
async def test_odd_values_never_end_the_app(values, log_scale):
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        plot = app.query_one(LossPlot)
        plot.log_scale = plot.smoothed = log_scale
        plot.zoom = 0.5 if log_scale else 1.0
        rows = [{"epoch": n, "loss": v, "val_loss": v} for n, v in enumerate(values, 1)]
        plot.set_history(rows)
        plot.set_other("other", rows[::-1])
        for size in ((80, 24), (30, 8), (12, 3), (1, 1), (200, 60)):
            await pilot.resize_terminal(*size)
            await drawn(app, pilot)
            assert shown(plot).strip() or size == (1, 1)
            assert all(plot.render_line(y).cell_length == plot.size.width for y in range(plot.size.height))


async def test_odd_names_are_text():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        plot = app.query_one(LossPlot)
        plot.set_history([{"epoch": 1, "[/x]\x1b": 1.0}, {"epoch": 2, "[/x]\x1b": 2.0}])
        plot.metric = "[/x]\x1b"
        await pilot.pause()
        assert shown(plot).startswith(" [/x]\\x1b ")


async def test_a_long_history_is_thinned_and_other_themes_draw():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        plot = app.query_one(LossPlot)
        plot.set_history(history(20_000))
        for theme in ("textual-light", "textual-ansi", "nord"):
            if theme in app.available_themes:
                app.theme = theme
                await drawn(app, pilot)
                assert "20000" in shown(plot)
async def test_every_cell_has_the_background_of_the_theme():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        plot = app.query_one(LossPlot)
        for rows in ([], history(9)):
            plot.set_history(rows)
            for theme in ("textual-light", "textual-dark"):
                app.theme = theme
                await drawn(app, pilot)
                surface = Color.parse(app.theme_variables["surface"]).rgb
                backs = {s.style.bgcolor.triplet for y in range(2, 24) for s in plot.render_line(y)}
                assert backs == {surface}


def test_thinning_keeps_the_ends():
    points = [(float(n), float(n)) for n in range(1000)]
    assert len(thin(points, 160)) == 160 and thin(points, 160)[0] == points[0] and thin(points, 160)[-1] == points[-1]


def test_ticks_are_round():
    assert nice_ticks(0.1, 0.33, 4) == [0.1, 0.2, 0.3]
    assert nice_ticks(1, 3, 10, whole=True) == [1, 2, 3]
    assert [round(10**mark, 9) for mark in log_ticks(-2.1, -0.9, 6)] == [0.01, 0.02, 0.05, 0.1]
    assert len(log_ticks(-0.31, -0.30, 3)) >= 2
