"""The settings as a form, built from the engine's own list of options: types, ranges and help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from fext_tui.widgets.field_row import FieldRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events

    from fext_engine.settings import Settings


class SettingsForm(VerticalScroll, can_focus=False):
    """One row an option of the chosen sections. Values are checked as they are typed.

    A form knows the whole of the settings it was given and shows some sections of them; what belongs to
    other sections passes through unchanged.
    """

    DEFAULT_CSS = """
    SettingsForm {
        background: $surface;
        scrollbar-size-vertical: 1;
        & > .heading { height: 1; margin-top: 1; padding: 0 1; color: $text-primary; text-style: bold; }
        & > .heading.first { margin-top: 0; }
        & > #help { dock: bottom; height: 2; padding: 0 1; background: $panel; color: $text; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "field(1)", "Next field", show=False, id="form.next"),
        Binding("up,k", "field(-1)", "Field before", show=False, id="form.before"),
        Binding("ctrl+r", "reset_field", "Reset field", id="form.reset"),
    ]

    class Changed(Message):
        """A value changed. `settings` is None while a field is wrong; `errors` maps keys to sentences."""

        def __init__(self, form: SettingsForm, settings: Settings | None, errors: dict[str, str]) -> None:
            super().__init__()
            self.form = form
            self.settings = settings
            self.errors = errors

        @property
        def control(self) -> SettingsForm:
            """The form that sent this."""
            return self.form

    def __init__(
        self,
        sections: Sequence[str] = (),
        settings: Settings | None = None,
        baseline: Settings | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create a form of `sections` (none: all). Changes are marked against `baseline`, else the defaults."""
        from fext_engine.settings import Settings, options

        super().__init__(name=name, id=id, classes=classes)
        wanted = [option for option in options() if not sections or option.section in sections]
        order = {section: at for at, section in enumerate(sections)}
        self._loaded = settings or Settings()
        self._baseline = baseline or Settings()
        self._rows = {
            option.key: FieldRow(option, self._loaded.get(option.key), self._baseline.get(option.key))
            for option in sorted(wanted, key=lambda option: order.get(option.section, 0))
        }

    def compose(self) -> ComposeResult:
        """A heading a section, a row an option, and the help of the field in focus."""
        from fext_engine.settings import section_help

        yield Static("", id="help", markup=False)
        section = ""
        for row in self._rows.values():
            if row.option.section != section:
                title = row.option.section.capitalize()
                words = f"{title} · {section_help(row.option.section)}"
                yield Static(words, classes="heading" if section else "heading first", markup=False)
                section = row.option.section
            yield row

    @property
    def values(self) -> dict[str, Any]:
        """The value of every option shown; of a field that is wrong, the last good one."""
        return {key: row.value for key, row in self._rows.items()}

    @property
    def overrides(self) -> dict[str, Any]:
        """The values that differ from the baseline."""
        return {key: value for key, value in self.values.items() if value != self._rows[key].baseline}

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by key: a sentence that names key, value and what is allowed."""
        return {key: row.error for key, row in self._rows.items() if row.error}

    @property
    def settings(self) -> Settings | None:
        """The whole settings with the values shown, None while a field is wrong."""
        return None if self.errors else self._loaded.with_options(self.values)

    def load(self, settings: Settings, baseline: Settings | None = None) -> None:
        """Show `settings`, and mark changes against `baseline` from now on; sends no message."""
        self._loaded = settings
        self._baseline = baseline or self._baseline
        for key, row in self._rows.items():
            row.baseline = self._baseline.get(key)
            row.set_value(settings.get(key))

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show other values for some keys, those of other forms included; sends no message."""
        self._loaded = self._loaded.with_options(dict(values))
        for key in values.keys() & self._rows.keys():
            self._rows[key].set_value(self._loaded.get(key))

    def focus_option(self, key: str) -> None:
        """Put the focus into the field of `section.key`."""
        self._rows[key].editor.focus()

    def action_field(self, step: int) -> None:
        """Go to the next field, or to the one before."""
        rows = list(self._rows.values())
        focused = self._focused_row()
        if focused is not None:
            at = max(0, min(len(rows) - 1, rows.index(focused) + step))
            rows[at].editor.focus()

    def action_reset_field(self) -> None:
        """Set the field in focus back to the baseline."""
        row = self._focused_row()
        if row is not None:
            row.reset()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Explain the field that came into focus."""
        self._explain(self._focused_row())

    @on(FieldRow.Edited)
    def _edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        self._explain(event.row)
        self.post_message(self.Changed(self, self.settings, self.errors))

    def _explain(self, row: FieldRow | None) -> None:
        if row is not None:
            option = row.option
            text = f"{option.help}\n{row.error or f'{option.key}: {option.allowed}'}"
            self.query_one("#help", Static).update(text, layout=False)

    def _focused_row(self) -> FieldRow | None:
        focused = self.screen.focused
        return next((row for row in self._rows.values() if focused in row.children), None)
