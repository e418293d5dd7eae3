"""The lines of a form, drawn: headings, and of each field its name, value, range and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.choice_bar import choice_words
from fext_tui.widgets.field import NO_FOLDER
from fext_tui.widgets.text import clip_start, fit, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual import events

    from fext_tui.widgets.field import Field

LABEL = 25  # cells of the mark and the name
NUMBER = 14  # cells of a number


class FormLines(Widget):
    """Draws fields below the headings of their sections: forty widgets less than a widget a field."""

    DEFAULT_CSS = """
    FormLines {
        width: 1fr;
        & > .form-lines--heading { color: $text-primary; text-style: bold; }
        & > .form-lines--name { color: $foreground; }
        & > .form-lines--name-changed { color: $text; text-style: bold; }
        & > .form-lines--mark { color: $text-warning; text-style: bold; }
        & > .form-lines--value { color: $foreground; background: $boost; }
        & > .form-lines--invalid { color: $text-error; background: $error-muted; }
        & > .form-lines--chosen { color: $text; background: $primary-muted; text-style: bold; }
        & > .form-lines--hint { color: $text-muted; }
        & > .form-lines--error { color: $text-error; }
        & > .form-lines--current { background: $boost; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "form-lines--heading",
        "form-lines--name",
        "form-lines--name-changed",
        "form-lines--mark",
        "form-lines--value",
        "form-lines--invalid",
        "form-lines--chosen",
        "form-lines--hint",
        "form-lines--error",
        "form-lines--current",
    }

    class Clicked(Message):
        """Field `index` was clicked, `x` cells from the left."""

        def __init__(self, index: int, x: int) -> None:
            super().__init__()
            self.index = index
            self.x = x

    def __init__(self, fields: Sequence[Field], headings: Mapping[str, str]) -> None:
        """Create the lines of `fields`; `headings` are by section."""
        super().__init__()
        self._fields = fields
        self._headings = headings
        self._lit: int | None = None
        self._lines: list[tuple[int, int] | str] = []  # a field and which of its lines, or a heading
        self.lay_out()

    def lay_out(self) -> None:
        """Count the lines anew, after fields became wrong or right."""
        lines: list[tuple[int, int] | str] = []
        section = ""
        for index, field in enumerate(self._fields):
            if field.option.section != section:
                section = field.option.section
                lines += ["", self._headings[section]] if lines else [self._headings[section]]
            lines += [(index, line) for line in range(field.height)]
        if len(lines) != len(self._lines):
            self.styles.height = len(lines)
        self._lines = lines
        self.refresh()

    def top(self, index: int) -> int:
        """The line that field `index` begins on."""
        return self._lines.index((index, 0))

    def light(self, index: int | None) -> None:
        """Set off field `index`, the one in focus, from the others."""
        if index != self._lit:
            before, self._lit = self._lit, index
            for changed in (before, index):
                self.refresh_field(changed)

    def refresh_field(self, index: int | None) -> None:
        """Draw one field again."""
        if index is not None:
            self.refresh(Region(0, self.top(index), self.size.width, self._fields[index].height))

    def on_click(self, event: events.Click) -> None:
        """Say which field was clicked."""
        if event.y < len(self._lines) and not isinstance(line := self._lines[event.y], str):
            self.post_message(self.Clicked(line[0], event.x))

    def render_line(self, y: int) -> Strip:
        """Return a heading, a field, or what is wrong with the field above."""
        width = self.size.width
        line = self._lines[y] if y < len(self._lines) else ""
        if isinstance(line, str):
            return Strip([Segment(fit(line, width), self._style("heading"))], width)
        index, part = line
        field = self._fields[index]
        ground = self._style("current") if index == self._lit else self.rich_style
        if part:
            words = f"✗ give {field.option.allowed}"
            words = " " * max(2, min(LABEL, width - cell_len(words))) + words
            segments = [Segment(fit(words, width), ground + self._style("error"))]
        else:
            segments = self._field_line(field, width, lambda name: ground + self._foreground(name))
        return Strip(segments).adjust_cell_length(width, ground)

    def _field_line(self, field: Field, width: int, style: Callable[[str], Style]) -> list[Segment]:
        name = fit(printable(field.option.name.replace("_", " ")), LABEL - 2)
        segments = [
            Segment("● " if field.is_changed else "  ", style("mark")),
            Segment(name, style("name-changed" if field.is_changed else "name")),
        ]
        room = width - LABEL
        if field.choices:
            chosen, brackets = self._style("chosen"), self.app.no_color
            words = choice_words(
                field.choices, field.text, room + 1, chosen, style("hint"), brackets=brackets
            )
            return [segments[0], Segment(name[:-1], segments[1].style), *words]
        box = room - 1 if field.option.kind == "text" else min(NUMBER, room)
        value = fit(clip_start(printable(field.text), box), box)
        look = self._style("invalid" if field.error else "value")
        if field.option.kind == "text" and not field.text:
            value, look = fit(NO_FOLDER, box), look + self._foreground("hint")
        segments.append(Segment(value, look))
        if len(field.hint) < room - box - 1:  # the form's help has it too
            segments.append(Segment(f"  {field.hint}", style("hint")))
        return segments

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"form-lines--{name}")

    def _foreground(self, name: str) -> Style:
        """The style without its background, to be laid over that of the line."""
        style = self._style(name)
        return Style(color=style.color, bold=style.bold)
