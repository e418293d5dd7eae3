"""One of a few words, all in sight on one line: the form's answer to on/off and to short lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from fext_tui.widgets.text import fit, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual import events


class ChoiceBar(Widget, can_focus=True):
    """Shows `choices` side by side with the chosen one lit; where they do not fit, the chosen one alone."""

    DEFAULT_CSS = """
    ChoiceBar {
        height: 1;
        width: 1fr;
        & > .choice-bar--other { color: $text-muted; }
        & > .choice-bar--chosen { color: $text; background: $primary-muted; text-style: bold; }
        &:focus > .choice-bar--chosen {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: bold;
        }
        &:nocolor:focus > .choice-bar--chosen { text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice-bar--other", "choice-bar--chosen"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "Choice before", show=False, id="choice.before"),
        Binding("right,l", "step(1)", "Next choice", show=False, id="choice.next"),
        Binding("space,enter", "turn", "Next choice", show=False, id="choice.turn"),
    ]

    value: reactive[str] = reactive("")

    class Changed(Message):
        """The user chose `value`."""

        def __init__(self, choice_bar: ChoiceBar, value: str) -> None:
            super().__init__()
            self.choice_bar = choice_bar
            self.value = value

        @property
        def control(self) -> ChoiceBar:
            """The bar that sent this."""
            return self.choice_bar

    def __init__(
        self,
        choices: Sequence[str],
        value: str | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Create the bar with `value`, by default the first of `choices`, chosen."""
        super().__init__(name=name, id=id, classes=classes)
        self.choices = tuple(choices)
        self.set_reactive(ChoiceBar.value, self.choices[0] if value is None else value)

    def choose(self, value: str) -> None:
        """Choose `value` as the user does, and say so."""
        if value in self.choices and value != self.value:
            self.value = value
            self.post_message(self.Changed(self, value))

    def action_step(self, step: int) -> None:
        """Choose the neighbour; at an end nothing happens."""
        index = self._index + step
        if 0 <= index < len(self.choices):
            self.choose(self.choices[index])

    def action_turn(self) -> None:
        """Choose the next one, after the last the first."""
        self.choose(self.choices[(self._index + 1) % len(self.choices)])

    def on_click(self, event: events.Click) -> None:
        """A click chooses the word under it; where one word alone is shown, the next."""
        if (choice := choice_at(self.choices, self.value, self.size.width, event.x)) is not None:
            self.choose(choice)

    @property
    def _index(self) -> int:
        return self.choices.index(self.value) if self.value in self.choices else 0

    def render_line(self, y: int) -> Strip:
        """Return the words."""
        width = self.size.width
        chosen = self.get_component_rich_style("choice-bar--chosen")
        other = self.get_component_rich_style("choice-bar--other")
        words = choice_words(self.choices, self.value, width, chosen, other, brackets=self.app.no_color)
        return Strip(words).adjust_cell_length(width, self.rich_style)


def choice_words(
    choices: Sequence[str], value: str, width: int, chosen: Style, other: Style, *, brackets: bool
) -> list[Segment]:
    """The words in a line of `width` cells; without colours `brackets` tell which one is chosen."""
    if not _all_fit(choices, width):
        text = f"‹ {printable(value)} ›"
        return [Segment(fit(text, min(width, cell_len(text))), chosen)]
    return [
        Segment(f"[{text}]" if brackets and choice == value else f" {text} ", style)
        for choice in choices
        for text, style in [(printable(choice), chosen if choice == value else other)]
    ]


def choice_at(choices: Sequence[str], value: str, width: int, x: int) -> str | None:
    """The word drawn at cell `x` of such a line, None beside them; of one word alone the one that follows."""
    if not _all_fit(choices, width):
        return choices[(choices.index(value) + 1) % len(choices)] if value in choices else choices[0]
    start = 0
    for choice in choices:
        end = start + cell_len(printable(choice)) + 2
        if start <= x < end:
            return choice
        start = end
    return None


def _all_fit(choices: Sequence[str], width: int) -> bool:
    return sum(cell_len(printable(choice)) + 2 for choice in choices) <= width
