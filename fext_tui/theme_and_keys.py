"""The theme and the keys that a person's `ui.toml` gives the app; a theme that is chosen goes back into it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.filter import Monochrome, NoColor

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_tui import themes
from fext_tui.configuration import Configuration, read_configuration, remember_theme

if TYPE_CHECKING:
    from textual.theme import Theme

    from fext_tui.app import FextApp

PROBLEM_SECONDS = 15.0  # that a notice of what is wrong in the file stays


class ThemeAndKeys:
    """Taken before anything is painted; what is wrong in the file is told after that."""

    def __init__(self, app: FextApp) -> None:
        self._app = app
        for theme in (themes.DARK, themes.LIGHT, themes.ANSI_DARK, themes.ANSI_LIGHT):
            app.register_theme(theme)
        self._given, self._refused = Configuration(), ""
        try:
            self._given = read_configuration(app.workspace.ui_file, app.available_themes)
        except FextError as error:
            self._refused = str(error)
        few_colours = app.console.color_system in ("standard", "windows")
        app.theme = themes.suitable_theme(self._given.theme, app.available_themes, few_colours)
        self._kept = app.theme
        if app.no_color and app.native_ansi_color:  # what Textual does where it knows such a theme from the start
            app._filters = [NoColor() if isinstance(f, Monochrome) else f for f in app._filters]
        app.stylesheet.set_variables(app.get_css_variables())
        app.set_keymap(dict(self._given.keys))

    def tell_problems(self) -> None:
        """Say why the file was refused, or look for keys that clash."""
        if self._refused:
            self._warn(self._refused, "Defaults are used")
        elif self._given.keys:
            self._app.run_worker(self._check_keys, group="keys", thread=True, exit_on_error=False)

    def _warn(self, words: str, title: str) -> None:
        self._app.notify(words, title=title, severity="warning", timeout=PROBLEM_SECONDS)

    def _check_keys(self) -> None:
        from fext_tui.keys import key_problems

        if problems := key_problems(self._given.keys):
            file = escape_name(str(self._app.workspace.ui_file))
            self._warn("\n".join([f"{file}, [keys]:", *problems]), "Keys")

    def keep_theme(self, theme: Theme) -> None:
        """Remember a theme that was chosen."""
        if theme.name != self._kept:
            self._kept = theme.name
            write = partial(self._write_theme, theme.name)
            self._app.run_worker(write, group="theme", thread=True, exclusive=True, exit_on_error=False)

    def _write_theme(self, name: str) -> None:
        try:
            remember_theme(self._app.workspace.ui_file, name)
        except FextError as error:
            self._app.notify(str(error), title="The theme is not remembered", severity="warning")
