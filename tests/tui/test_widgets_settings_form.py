"""The settings form: built from the options, checked in place, marked against the baseline."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from fext_engine.settings import Settings, options
from fext_tui.widgets.choice_bar import ChoiceBar
from fext_tui.widgets.form_lines import LABEL, FormLines
from fext_tui.widgets.settings_form import SettingsForm


class Host(App[None]):
    def __init__(self, *sections: str, settings: Settings | None = None) -> None:
        super().__init__()
        self.sections = sections
        self.settings = settings
        self.heard: list[SettingsForm.Changed] = []

    def compose(self) -> ComposeResult:
        yield SettingsForm(self.sections, self.settings)

    def on_settings_form_changed(self, message: SettingsForm.Changed) -> None:
        self.heard.append(message)


def line(app: App, key: str, below: int = 0) -> str:
    """What the terminal shows on the line of `key`, editor included, or so many lines below it."""
    shown = app.screen._compositor.render_strips()
    return shown[app.query_one(FormLines).region.y + top(app, key) + below].text


def top(app: App, key: str) -> int:
    """On which of the form's lines `key` stands."""
    return app.query_one(FormLines).top(list(app.query_one(SettingsForm).values).index(key))


async def test_shows_the_sections_asked_for_in_their_order():
    app = Host("training", "model")
    async with app.run_test(size=(80, 40)):
        keys = list(app.query_one(SettingsForm).values)
        assert keys[0] == "training.epochs" and keys[-2:] == ["model.name", "model.dropout"]
        assert set(keys) == {o.key for o in options() if o.section in ("training", "model")}
        assert "batch size" in line(app, "training.batch_size") and "1 to 4096 images" in line(app, "training.batch_size")
        assert "FextAE Medium" in line(app, "model.name")


async def test_typing_marks_checks_and_resets():
    app = Host("training")
    async with app.run_test(size=(80, 40)) as pilot:
        form = app.query_one(SettingsForm)
        form.focus_option("training.epochs")
        await pilot.press("end", "backspace")
        assert form.values["training.epochs"] == 10 and form.overrides == {"training.epochs": 10}
        assert app.heard[-1].settings.training.epochs == 10 and app.heard[-1].errors == {}
        assert line(app, "training.epochs").startswith("● epochs") and "was 100" in line(app, "training.epochs")
        await pilot.press("backspace", "backspace", "x")
        assert form.settings is None and app.heard[-1].settings is None
        assert "training.epochs" in form.errors and "'x'" in form.errors["training.epochs"]
        assert "1 to 100000" in form.errors["training.epochs"]
        assert "✗ give a whole number from 1 to 100000" in line(app, "training.epochs", below=1)
        assert "batch size" in line(app, "training.epochs", below=2)
        await pilot.press("ctrl+r")
        assert form.errors == {} and form.overrides == {} and app.heard[-1].settings == Settings()
        assert app.focused.value == "100" and "batch size" in line(app, "training.epochs", below=1)
        sent = len(app.heard)
        await pilot.press("ctrl+r")
        assert len(app.heard) == sent, "nothing to reset, nothing to say"


async def test_arrows_walk_the_fields_and_choices_turn():
    app = Host("training")
    async with app.run_test(size=(80, 24)) as pilot:
        form = app.query_one(SettingsForm)
        form.focus_option("training.loss")
        await pilot.press("right")
        assert form.values["training.loss"] == "mse"
        await pilot.press("right", "right", "space")  # the last of four, and the first again
        assert form.values["training.loss"] == "mae"
        await pilot.press("j", "l")
        assert form.values["training.optimizer"] == "adamw"
        await pilot.resize_terminal(80, 10)
        for _ in range(20):
            await pilot.press("down")
        focused = app.focused
        assert isinstance(focused, ChoiceBar) and form.field.option.key == "training.tensorboard"
        assert "training.tensorboard" in str(app.query_one("#help", Static).render())
        assert form.region.contains_region(focused.region), "the field in focus is in sight"
        await pilot.press("enter")
        assert form.values["training.tensorboard"] is True and app.heard[-1].settings.training.tensorboard


async def test_what_is_typed_takes_the_place_of_a_number_and_is_kept_when_one_moves_on():
    app = Host("training")
    async with app.run_test(size=(80, 24)) as pilot:
        form = app.query_one(SettingsForm)
        form.focus_option("training.epochs")
        await pilot.press(*"25", "enter", *"64", "j", *"7x", "k")
        assert form.field.option.key == "training.batch_size" and form.overrides["training.batch_size"] == 64
        assert form.values["training.epochs"] == 25 and set(form.errors) == {"training.seed"}
        assert "7x" in line(app, "training.seed") and "✗ give" in line(app, "training.seed", below=1)
        await pilot.press("down", "end", "backspace", "up")
        assert form.values["training.seed"] == 7 and not form.errors
        await pilot.press("home", "tab", "ctrl+r", "shift+tab", "ctrl+r")
        assert set(form.overrides) == {"training.epochs"}, "home is the line's own"
        assert app.heard[-1].settings == form.settings


async def test_mouse_chooses_the_word_under_it():
    app = Host("training", "model")
    async with app.run_test(size=(80, 24)) as pilot:
        form, lines = app.query_one(SettingsForm), app.query_one(FormLines)
        await pilot.click(lines, offset=(LABEL + 8, top(app, "training.loss")))
        assert form.values["training.loss"] == "mse" and form.field.option.key == "training.loss"
        await pilot.click(lines, offset=(LABEL + 2, top(app, "training.batch_size")))
        await pilot.press(*"12")
        assert form.overrides == {"training.loss": "mse", "training.batch_size": 12}
        form.focus_option("model.name")
        await pilot.pause()
        await pilot.click(ChoiceBar, offset=(17, 0))
        assert form.values["model.name"] == "FextAE Medium"
        await pilot.resize_terminal(50, 24)
        await pilot.pause()
        assert line(app, "model.name")[LABEL - 1 :].startswith("‹ FextAE Medium ›")
        await pilot.click(ChoiceBar, offset=(2, 0))
        assert form.values["model.name"] == "FextAE Large"


async def test_load_and_other_sections_pass_through():
    app = Host("training", settings=Settings().with_options({"model.dropout": 0.5}))
    async with app.run_test(size=(80, 24)) as pilot:
        form = app.query_one(SettingsForm)
        assert form.settings.model.dropout == 0.5
        preset = Settings().with_options({"training.epochs": 7, "training.jit": "off", "model.name": "FextAE Large"})
        form.load(preset, baseline=preset)
        await pilot.pause()
        assert form.settings == preset and form.overrides == {} and app.heard == []
        form.set_values({"training.epochs": 9, "dataset.grayscale": True})
        await pilot.pause()
        assert form.settings.training.epochs == 9 and form.settings.dataset.grayscale
        assert form.overrides == {"training.epochs": 9} and app.heard == []


async def test_odd_text_is_text():
    app = Host("dataset")
    async with app.run_test(size=(80, 24)) as pilot:
        form = app.query_one(SettingsForm)
        form.set_values({"dataset.images": "/tmp/[red]x[/]/[/nope]"})
        form.focus_option("dataset.images")
        await pilot.pause()
        assert "[red]x[/]/[/nope]" in line(app, "dataset.images") and "images" in line(app, "dataset.images")
        form.focus_option("dataset.image_width")
        await pilot.press("[", "/", "b", "]")
        await pilot.pause()
        assert "[/b]" in form.errors["dataset.image_width"]
        assert "[/b]" in str(app.query_one("#help", Static).render())


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 60), (10, 4)])
async def test_all_options_at_any_size(size):
    app = Host()
    async with app.run_test(size=size) as pilot:
        form = app.query_one(SettingsForm)
        assert set(form.values) == {o.key for o in options()} and form.settings == Settings()
        await pilot.press("tab", "down", "down")
        assert app.focused is not None
