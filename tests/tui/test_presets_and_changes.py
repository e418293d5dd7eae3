"""Presets and what differs from the one in use: shown, set back, saved, shared as files, remembered."""

from __future__ import annotations

from app_driver import notices, opened, press, screen_text, type_into, until

from fext_engine.presets import read_settings, save_preset
from fext_engine.settings import Settings
from fext_tui.app import FextApp
from fext_tui.dialogs.differences import DifferencesDialog
from fext_tui.dialogs.presets import PresetsDialog
from fext_tui.widgets.row_list import RowList
from fext_tui.widgets.settings_form import SettingsForm


def title(app):
    return str(app.screen.query_one(SettingsForm).border_title)


async def load(pilot, name):
    """Load a preset by the dialog."""
    app = pilot.app
    await press(pilot, "p")
    app.screen.query_one(RowList).cursor = [preset.name for preset in app.screen.presets].index(name)
    await press(pilot, "enter")


async def test_what_differs_from_the_preset_is_listed_and_set_back(with_images):
    async with opened(with_images) as (app, pilot):
        await press(pilot, "2")
        await until(pilot, lambda: app.screen.query(SettingsForm), "the form")
        await load(pilot, "quick")
        form = app.screen.query_one(SettingsForm)
        assert title(app) == "Settings · quick" and form.overrides == {}
        await type_into(pilot, "training.epochs", "77")
        await type_into(pilot, "schedule.initial_lr", "0.01")
        assert title(app) == "Settings · quick *" and "● epochs" in screen_text(app)
        await press(pilot, "ctrl+g")
        assert isinstance(app.screen, DifferencesDialog)
        rows = app.screen.query_one(RowList)
        assert [rows.row_at(n) for n in range(rows.row_count)] == [
            ("training.epochs", "5", "77"), ("schedule.initial_lr", "0.002", "0.01"),
        ]  # fmt: skip
        await press(pilot, "r")
        assert rows.row_count == 1
        await press(pilot, "R")
        assert rows.row_count == 0 and "Nothing differs from quick" in screen_text(app)
        await press(pilot, "u", "escape")
        assert (app.settings.training.epochs, app.settings.schedule.initial_lr) == (5, 0.01)
        assert form.values["training.epochs"] == 5 and form.overrides == {"schedule.initial_lr": 0.01}
        await press(pilot, "ctrl+r")
        assert title(app) == "Settings · quick" and app.settings == app.baseline
        await type_into(pilot, "training.epochs", "0")
        await press(pilot, "escape", "equals_sign")
        assert not isinstance(app.screen, DifferencesDialog) and "training.epochs" in notices(app)[-1]


async def test_a_preset_shows_what_it_changes_is_saved_and_remembered(with_images, tmp_path):
    shared = tmp_path / "from a friend.toml"
    save_preset(with_images, "mine", Settings(), "for [red] nights")
    shared.write_text("[training]\nbatch_size = 5\n")
    async with opened(with_images, training__epochs=9, training__batch_size=4) as (app, pilot):
        await press(pilot, "2", "p")
        dialog = app.screen
        names = [preset.name for preset in dialog.presets]
        dialog.query_one(RowList).cursor = names.index("mine")
        await pilot.pause()
        changes = dialog.query_one("#preset-changes", RowList)
        shown = {row[0]: row[1:] for row in map(changes.row_at, range(changes.row_count))}
        assert shown["training.epochs"] == ("100", "9") and "dataset.images" not in shown
        await press(pilot, "enter")
        assert app.settings.training.epochs == 100 and app.preset.name == "mine"
        await press(pilot, "p", "o", *str(shared), "enter")
        assert app.settings.training.batch_size == 5 and title(app) == "Settings · from a friend"
        await load(pilot, "mine")
        await type_into(pilot, "training.epochs", "12")
        assert title(app) == "Settings · mine *"
        await press(pilot, "escape", "p", "s")
        assert app.screen.query_one(RowList).row_count == 5
        await press(pilot, "escape")
        assert not isinstance(app.screen, PresetsDialog) and title(app) == "Settings · mine"
        own = with_images.configurations / "mine.toml"
        assert read_settings(own).training.epochs == 12 and own.read_text().startswith("# for [red] nights\n")
    assert FextApp(with_images).preset.name == "mine"
    own.unlink()
    assert FextApp(with_images).preset.name == "defaults"
