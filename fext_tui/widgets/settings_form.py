"""The settings as a form, built from the engine's own list of options: types, ranges and help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Input, Static

from fext_tui.widgets.choice_bar import ChoiceBar, choice_at
from fext_tui.widgets.field import NO_FOLDER, Field
from fext_tui.widgets.form_lines import LABEL, FormLines
from fext_tui.widgets.path_input import PathInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events

    from fext_engine.settings import Settings

_LINE_KEYS = ("j", "k")


class NumberInput(Input):
    """A line for a number, or `auto`. j and k are part of neither and move through the form."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether the key is taken as text."""
        return key not in _LINE_KEYS and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.key in _LINE_KEYS:
            event.prevent_default()  # Input's own handler, which would type it


class SettingsForm(Vertical):
    """One line an option of the chosen sections. Values are checked as they are typed.

    The lines are drawn; the one in hand has a real editor over its value. A form knows the whole of the
    settings it was given and shows some sections of them; what belongs to other sections passes through
    unchanged.
    """

    DEFAULT_CSS = """
    SettingsForm {
        background: $surface;
        & > #fields { overflow-y: auto; scrollbar-size-vertical: 1; }
        & > #help { height: 5; padding: 0 1; background: $panel; color: $text; }
        & Input, & ChoiceBar { position: absolute; }
        & Input { height: 1; padding: 0; border: none !important; background: $boost; }
        & Input:focus { background: $primary-muted; }
        & Input.invalid { background: $error-muted; color: $text-error; }
        & NumberInput { width: 14; }
        & PathInput { width: 1fr; margin: 0 1 0 25; }
        & PathInput.-invalid { color: $text-warning; }
        & ChoiceBar { margin-left: 24; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "field(1)", "Next field", show=False, id="form.next"),
        Binding("up,k", "field(-1)", "Field before", show=False, id="form.before"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="form.page-down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="form.page-up"),
        Binding("home", "page(-100)", "First field", show=False, id="form.first"),
        Binding("end", "page(100)", "Last field", show=False, id="form.last"),
        Binding("tab", "tab(1)", "Next field", show=False, id="form.tab"),
        Binding("shift+tab", "tab(-1)", "Field before", show=False, id="form.tab-back"),
        Binding(
            "ctrl+r", "reset_field", "Reset field", id="form.reset", tooltip="Back to the preset's value"
        ),
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
        from fext_engine.settings import Settings, options, section_help

        super().__init__(name=name, id=id, classes=classes)
        wanted = [option for option in options() if not sections or option.section in sections]
        order = {section: at for at, section in enumerate(sections)}
        wanted.sort(key=lambda option: order.get(option.section, 0))
        self._loaded = settings or Settings()
        self._baseline = baseline or Settings()
        self._fields = [
            Field(option, self._loaded.get(option.key), self._baseline.get(option.key)) for option in wanted
        ]
        headings = {o.section: f"{o.section.capitalize()} · {section_help(o.section)}" for o in wanted}
        self._lines = FormLines(self._fields, headings)
        self._number = NumberInput(validate_on=(), select_on_focus=False)
        self._path = PathInput(placeholder=NO_FOLDER)
        self._choice = ChoiceBar(("",))
        self._scroll = Vertical(self._lines, self._number, self._path, self._choice, id="fields")
        self._at = 0
        self._help = Static(self._explanation, id="help", markup=False)
        self._place_editor()

    def compose(self) -> ComposeResult:
        """The lines with the editors over them, and the help of the field in focus."""
        yield self._scroll
        yield self._help

    @property
    def values(self) -> dict[str, Any]:
        """The value of every option shown; of a field that is wrong, the last good one."""
        return {field.option.key: field.value for field in self._fields}

    @property
    def overrides(self) -> dict[str, Any]:
        """The values that differ from the baseline."""
        return {field.option.key: field.value for field in self._fields if field.value != field.baseline}

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by key: a sentence that names key, value and what is allowed."""
        return {field.option.key: field.error for field in self._fields if field.error}

    @property
    def settings(self) -> Settings | None:
        """The whole settings with the values shown, None while a field is wrong."""
        return None if self.errors else self._loaded.with_options(self.values)

    @property
    def baseline(self) -> Settings:
        """The settings that changes are marked against."""
        return self._baseline

    @property
    def field(self) -> Field:
        """The field in hand."""
        return self._fields[self._at]

    @property
    def editor(self) -> Input | ChoiceBar:
        """The widget over the field in hand, which takes the focus."""
        if self.field.choices:
            return self._choice
        return self._path if self.field.option.key == "dataset.images" else self._number

    def load(self, settings: Settings, baseline: Settings | None = None) -> None:
        """Show `settings`, and mark changes against `baseline` from now on; sends no message."""
        self._loaded = settings
        for field in self._fields:
            field.set_value(settings.get(field.option.key))
        self.compare_with(baseline or self._baseline)
        self._show_values()

    def compare_with(self, baseline: Settings) -> None:
        """Mark changes against `baseline` from now on."""
        self._baseline = baseline
        for field in self._fields:
            field.baseline = baseline.get(field.option.key)
        self._lines.refresh()

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show other values for some keys, those of other forms included; sends no message."""
        self._loaded = self._loaded.with_options(dict(values))
        for field in self._fields:
            if field.option.key in values:
                field.set_value(self._loaded.get(field.option.key))
        self._show_values()

    def focus_option(self, key: str) -> None:
        """Put the focus into the field of `section.key`."""
        index = [field.option.key for field in self._fields].index(key)
        if self._scroll.is_attached:
            self._go(index, focus=True)
        else:
            self.call_after_refresh(self._go, index, focus=True)

    def copy_text(self) -> str:
        """The option in hand as the command line's `--set` takes it."""
        return f"{self.field.option.key}={self.field.as_text(self.field.value)}"

    def action_field(self, step: int) -> None:
        """Go to the next field, or to the one before."""
        self._go(max(0, min(len(self._fields) - 1, self._at + step)))

    def action_page(self, pages: int) -> None:
        """Go on by what is visible, less two lines."""
        self.action_field(pages * max(1, self._scroll.size.height - 2))

    def action_tab(self, step: int) -> None:
        """Go to the next field, or to the one before; from the ends out of the form."""
        if 0 <= self._at + step < len(self._fields):
            self._go(self._at + step)
        elif step > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def action_reset_field(self) -> None:
        """Set the field in focus back to the baseline."""
        if self.field.is_changed:
            self.field.set_value(self.field.baseline)
            self._show_values()
            self._tell()

    def on_descendant_focus(self) -> None:
        """Explain the field that came into focus, and set it off."""
        self._lines.light(self._at)
        self._explain()

    def on_descendant_blur(self) -> None:
        """Without the focus no field stands out."""
        if not self.has_focus_within:
            self._lines.light(None)

    @on(FormLines.Clicked)
    def _clicked(self, event: FormLines.Clicked) -> None:
        event.stop()
        self._go(event.index, focus=True)
        field = self.field
        if field.choices:
            width = self._lines.size.width - LABEL + 1
            choice = choice_at(field.choices, field.text, width, event.x - LABEL + 1)
            self._choice.choose(choice or field.text)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_field(1)

    @on(Input.Changed)
    @on(ChoiceBar.Changed)
    def _edited(self, event: Input.Changed | ChoiceBar.Changed) -> None:
        event.stop()
        self._take()

    def _take(self) -> None:
        """Keep what stands in the editor now: the message about it may come when it is over another field."""
        field, text = self.field, self.editor.value
        if text == field.text:
            return
        height = field.height
        field.take(text)
        if field.height != height:
            self._lines.lay_out()
        self._lines.refresh_field(self._at)
        self.editor.set_class(bool(field.error), "invalid")
        self._explain()
        self._tell()

    def _go(self, index: int, *, focus: bool = False) -> None:
        """Move the editor over field `index`; what was typed into the one before is kept."""
        self._take()
        before = self.editor
        focus = focus or before.has_focus
        self._at = index
        self._place_editor()
        if focus:
            self.screen.set_focus(self.editor, scroll_visible=False)
            self._lines.light(index)
            self._explain()
        if before is not self.editor:
            before.display = False  # after the focus has moved on, or it would fall to another pane
        region = Region(0, self._lines.top(index), 1, self.field.height)
        self._scroll.scroll_to_region(region, animate=False)

    def _place_editor(self) -> None:
        editor, field = self.editor, self.field
        for other in (self._number, self._path, self._choice):
            if other is not editor and not other.has_focus:
                other.display = False
        editor.display = True
        left = LABEL - 1 if editor is self._choice else LABEL  # each word has a blank at both sides
        editor.styles.offset = (left, self._lines.top(self._at))
        editor.set_class(bool(field.error), "invalid")
        if isinstance(editor, ChoiceBar):
            editor.choices = field.choices
            editor.value = field.text
            editor.refresh()
        else:
            editor.value = field.text
            editor.cursor_position = len(field.text)
            if editor is self._number:
                editor.select_all()  # what is typed takes its place; an arrow goes into it instead

    def _show_values(self) -> None:
        self._lines.lay_out()
        self._place_editor()
        if self.has_focus_within:
            self._explain()

    def _explain(self) -> None:
        self._help.update(self._explanation, layout=False)

    @property
    def _explanation(self) -> str:
        """What the option in hand does, and what is allowed or wrong."""
        option = self.field.option
        return f"{option.help}\n{self.field.error or f'{option.key}: {option.allowed}'}"

    def _tell(self) -> None:
        self.post_message(self.Changed(self, self.settings, self.errors))
