"""One option of the settings on one line: name, editor, range; and below it what is wrong, if anything is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from fext_tui.widgets.choice_bar import ChoiceBar
from fext_tui.widgets.path_input import PathInput
from fext_tui.widgets.text import fit, printable

if TYPE_CHECKING:
    from fext_engine.settings import Option

_LABEL = 25  # cells of the mark and the name
_NUMBER = 14  # cells of a number's editor
_SWITCH = ("off", "on")


class FieldRow(Widget):
    """Edits one option. The name and the range are drawn by the row itself, which keeps a form quick to open."""

    DEFAULT_CSS = """
    FieldRow {
        layout: horizontal;
        height: 1;
        width: 1fr;
        color: $foreground;
        & > .field-row--name { color: $foreground; }
        & > .field-row--name-changed { color: $text; text-style: bold; }
        & > .field-row--mark { color: $text-warning; text-style: bold; }
        & > .field-row--hint { color: $text-muted; }
        & > .field-row--error { color: $text-error; }
        & Input { width: 14; height: 1; margin-left: 25; padding: 0; border: none !important; background: $boost; }
        & Input:focus { background: $primary-muted; }
        & PathInput.-invalid { color: $text-warning; }
        & Input.invalid { background: $error-muted; color: $text-error; }
        &.text Input { width: 1fr; margin: 0 1 0 25; }
        & ChoiceBar { margin-left: 24; }
        &:focus-within { background: $boost; }
        &.invalid { height: 2; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "field-row--name",
        "field-row--name-changed",
        "field-row--mark",
        "field-row--hint",
        "field-row--error",
    }

    class Edited(Message):
        """The user changed the value."""

        def __init__(self, row: FieldRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, option: Option, value: Any, baseline: Any) -> None:
        """Create the row of `option` with `value`; a value other than `baseline` is marked."""
        super().__init__(classes=option.kind)
        self.option = option
        self.value = value
        self.baseline = baseline
        self.error = ""

    def compose(self) -> ComposeResult:
        """One editor, after the kind of the option."""
        if self.option.kind in ("bool", "choice"):
            choices = _SWITCH if self.option.kind == "bool" else self.option.choices
            yield ChoiceBar(choices, self._as_text(self.value))
        elif self.option.key == "dataset.images":
            yield PathInput(self._as_text(self.value), placeholder="the workspace's own")
        else:
            yield Input(self._as_text(self.value), validate_on=(), select_on_focus=False)

    @property
    def is_changed(self) -> bool:
        """Whether the value is another than the baseline."""
        return bool(self.error) or self.value != self.baseline

    @property
    def editor(self) -> Input | ChoiceBar:
        """The widget that takes the focus."""
        return self.query_one("Input, ChoiceBar", expect_type=Widget)  # type: ignore[return-value]

    def set_value(self, value: Any) -> None:
        """Show `value` without a message."""
        self.value = value
        self._show_error("")
        editor = self.editor
        editor.value = self._as_text(value)
        self.refresh()

    def reset(self) -> None:
        """Go back to the baseline, with a message when that changes anything."""
        if self.is_changed:
            self.set_value(self.baseline)
            self.post_message(self.Edited(self))

    @on(Input.Changed)
    @on(ChoiceBar.Changed)
    def _take(self, event: Input.Changed | ChoiceBar.Changed) -> None:
        """Check what was typed or chosen, and keep it when it is allowed."""
        from fext_engine.errors import SettingsError
        from fext_engine.settings import check_option

        event.stop()
        text = event.value
        if not self.error and text == self._as_text(self.value):
            return  # set by the program, or typed back to what it was
        typed: Any = text == _SWITCH[1] if self.option.kind == "bool" else text
        try:
            value = check_option(self.option.key, typed.strip() if isinstance(typed, str) else typed)
        except SettingsError as error:
            self._show_error(str(error))
        else:
            self.value = value
            self._show_error("")
        self.refresh()
        self.post_message(self.Edited(self))

    def copy_text(self) -> str:
        """The option as the command line's `--set` takes it."""
        return f"{self.option.key}={self._as_text(self.value)}"

    def _show_error(self, error: str) -> None:
        self.error = error
        self.set_class(bool(error), "invalid")
        self.editor.set_class(bool(error), "invalid")

    def _as_text(self, value: Any) -> str:
        if self.option.kind == "bool":
            return _SWITCH[bool(value)]
        return f"{value:.15g}" if isinstance(value, float) else str(value)

    @property
    def hint(self) -> str:
        """The range and unit of a number; for a changed value also what it was."""
        option = self.option
        parts = []
        if option.minimum is not None and option.maximum is not None:
            low = f"above {option.minimum:.15g}, to" if option.exclusive else f"{option.minimum:.15g} to"
            parts.append(f"{low} {option.maximum:.15g}")
        if option.kind == "int_or_auto":
            parts.insert(0, "auto or")
        if option.unit:
            parts.append(option.unit)
        if self.is_changed and option.kind not in ("bool", "choice", "text"):
            parts.append(f"· was {self._as_text(self.baseline)}")
        return " ".join(parts)

    def render_line(self, y: int) -> Strip:
        """Return the line that lies behind the editor, or the words about an error below it."""
        width = self.size.width
        style = self.get_component_rich_style
        if y > 0:
            words = fit(f"{' ' * _LABEL}✗ give {self.option.allowed}", width)
            return Strip([Segment(words, style("field-row--error"))], width)
        name = "field-row--name-changed" if self.is_changed else "field-row--name"
        after = " " * (_NUMBER + 2)
        hint = (
            self.hint if len(self.hint) <= width - _LABEL - len(after) else ""
        )  # the form's help has it too
        return Strip(
            [
                Segment("● " if self.is_changed else "  ", style("field-row--mark")),
                Segment(fit(printable(self.option.name.replace("_", " ")), _LABEL - 2), style(name)),
                Segment(after + hint, style("field-row--hint")),
            ]
        ).adjust_cell_length(width, self.rich_style)
