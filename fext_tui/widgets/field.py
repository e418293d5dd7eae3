"""One option in a form: its value, what that is compared with, what was typed and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fext_engine.settings import Option

SWITCH = ("off", "on")
NO_FOLDER = "the workspace's own"  # where no folder is given


class Field:
    """The state of one option. `text` is what stands in the form, `value` the last one that was allowed."""

    def __init__(self, option: Option, value: Any, baseline: Any) -> None:
        """Create the field of `option` with `value`; another than `baseline` counts as changed."""
        self.option = option
        self.baseline = baseline
        self.set_value(value)

    def set_value(self, value: Any) -> None:
        """Take a value that is known to be allowed."""
        self.value = value
        self.text = self.as_text(value)
        self.error = ""

    @property
    def choices(self) -> tuple[str, ...]:
        """The words to choose from; none for what is typed."""
        return SWITCH if self.option.kind == "bool" else self.option.choices

    @property
    def is_changed(self) -> bool:
        """Whether the value is another than the baseline, or wrong."""
        return bool(self.error) or self.value != self.baseline

    @property
    def height(self) -> int:
        """Lines that it takes: what is wrong stands below it."""
        return 2 if self.error else 1

    def take(self, text: str) -> None:
        """Check what was typed or chosen; keep the value when it is allowed, else say in `error` why not."""
        from fext_engine.errors import SettingsError
        from fext_engine.settings import check_option

        self.text = text
        typed: Any = text == SWITCH[1] if self.option.kind == "bool" else text.strip()
        try:
            self.value, self.error = check_option(self.option.key, typed), ""
        except SettingsError as error:
            self.error = str(error)

    def as_text(self, value: Any) -> str:
        """A value as it stands in the form."""
        if self.option.kind == "bool":
            return SWITCH[bool(value)]
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
        if self.is_changed and not self.choices and option.kind != "text":
            parts.append(f"· was {self.as_text(self.baseline)}")
        return " ".join(parts)
