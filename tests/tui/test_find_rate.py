"""The learning-rate test on the Model screen: its curve grows in a dialog, and one key takes the suggestion."""

from __future__ import annotations

from dataclasses import replace

import pytest
from app_driver import opened, press, screen_text, until

from fext_tui.dialogs.find_rate import FindRateDialog
from fext_tui.following import JobSnapshot
from fext_tui.widgets.rate_plot import RatePlot
from fext_tui.widgets.settings_form import SettingsForm

CURVE = [[10 ** (-5 + n / 25), 0.3 if n < 40 else 0.3 - 0.004 * (n - 40)] for n in range(90)]
CURVE += [[10 ** (-5 + n / 25), 0.1 * 2 ** (n - 90)] for n in range(90, 95)]
SUMMARY = {
    "suggested_lr": 0.0022, "use": "--set schedule.initial_lr=0.0022", "advice": "", "initial_lr": 0.001,
    "steepest_lr": 0.00038, "lowest_loss_lr": 0.0051, "ended": "the loss was over 4 times its lowest",
    "steps": 95, "images": 320, "batch_size": 16, "optimizer": "muon", "loss": "mae", "curve": CURVE,
}  # fmt: skip
NOTHING = {"suggested_lr": None, "steepest_lr": None, "use": "", "advice": "no clear descent: try more images"}


@pytest.fixture
def asked():
    return []


@pytest.fixture
def pretend(monkeypatch, asked):
    """A job that goes only as far as the test says; its verb and its stop are noted in `asked`."""

    def tell(app, **job):
        app.jobs["j"] = replace(app.jobs.get("j") or JobSnapshot("j", "find-lr"), **job)

    def start(app, verb, arguments=None):
        asked.append(verb)
        tell(app, state="running", summary={})
        return "j"

    monkeypatch.setattr("fext_tui.app.FextApp.start_job", start)
    monkeypatch.setattr("fext_engine.jobs.supervisor.Supervisor.stop", lambda self, job: asked.append("stop"))
    return tell


async def test_the_curve_grows_and_u_takes_the_suggestion_into_the_form(with_images, pretend, asked):
    async with opened(with_images, size=(80, 24)) as (app, pilot):
        await press(pilot, "2", "f", "u")
        assert isinstance(app.screen, FindRateDialog), "there is nothing to take yet"
        progress = {"stage": "raising the rate", "done": 60, "total": 100, "curve": CURVE[:60]}
        pretend(app, progress=progress)
        await until(pilot, lambda: "60 of 100" in screen_text(app) and "▄" in screen_text(app), "half a curve")
        await press(pilot, "escape")
        assert asked == ["find-lr", "stop"] and not isinstance(app.screen, FindRateDialog)

        await press(pilot, "f")
        pretend(app, state="finished", summary=SUMMARY | NOTHING)
        await until(pilot, lambda: "No clear descent" in screen_text(app), "the advice")
        assert "u use it" not in screen_text(app)
        before = app.settings
        await press(pilot, "u", "escape")
        assert not isinstance(app.screen, FindRateDialog) and app.settings == before

        await press(pilot, "f")
        pretend(app, state="finished", summary=SUMMARY)
        await until(pilot, lambda: "suggested" in screen_text(app), "the suggestion")
        shown = screen_text(app)
        assert "0.0022" in shown and "lowest at 0.0051" in shown and "│" in shown and "0.01" in shown
        assert "u use it" in shown and "1.6" not in shown, "the end of the curve presses nothing flat"
        app.no_color = True
        without_colours = app.screen.query_one(RatePlot).render().plain
        assert "•" in without_colours and "|" in without_colours, "the shapes tell the lines apart"
        await press(pilot, "u")
        form = app.screen.query_one(SettingsForm)
        assert form.overrides["schedule.initial_lr"] == app.settings.schedule.initial_lr == 0.0022
        form.focus_option("schedule.initial_lr")
        await press(pilot, "ctrl+r")
        assert app.settings.schedule.initial_lr == app.baseline.schedule.initial_lr == 0.002
