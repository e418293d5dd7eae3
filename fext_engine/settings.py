"""All settings of a job, and what is known of each option: the one source for forms, flags, files and checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from fext_engine.errors import SettingsError
from fext_engine.sections import (
    AugmentationSettings,
    DatasetSettings,
    DeviceSettings,
    HealthSettings,
    InferenceSettings,
    ModelSettings,
    ScheduleSettings,
    Section,
    SessionSettings,
    TrainingSettings,
)

OptionKind = Literal["int", "float", "bool", "choice", "text", "int_or_auto"]


class Settings(Section):
    """All options. Frozen: change one with `with_options`."""

    dataset: DatasetSettings = DatasetSettings()
    health: HealthSettings = HealthSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    device: DeviceSettings = DeviceSettings()
    session: SessionSettings = SessionSettings()
    inference: InferenceSettings = InferenceSettings()

    def get(self, key: str) -> Any:
        """Return the value of `section.key`; raises SettingsError for a key that does not exist."""
        find_option(key)
        section, name = key.split(".")
        return getattr(getattr(self, section), name)

    def with_options(self, values: dict[str, Any]) -> Settings:
        """Return a copy with `{"section.key": value}` set; raises SettingsError naming the first bad key."""
        data = self.model_dump()
        for key, value in values.items():
            section, name = find_option(key).key.split(".")
            data[section][name] = check_option(key, value)
        return Settings.model_validate(data)

    def differences(self, other: Settings) -> dict[str, tuple[Any, Any]]:
        """The options whose values differ, as `{"section.key": (here, in other)}`, in the order of `options`."""
        ours, theirs = self.model_dump(), other.model_dump()
        return {
            f"{section}.{name}": (value, theirs[section][name])
            for section, table in ours.items()
            for name, value in table.items()
            if value != theirs[section][name]
        }


@dataclass(frozen=True)
class Option:
    """One setting as a form, a flag or a page of help needs it."""

    key: str
    kind: OptionKind
    default: Any
    help: str
    unit: str = ""
    minimum: float | None = None
    exclusive: bool = False
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        return self.key.split(".")[0]

    @property
    def name(self) -> str:
        return self.key.split(".")[1]

    @property
    def allowed(self) -> str:
        """What the option takes, in words: `a whole number from 1 to 4096`."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "bool":
            return "true or false"
        if self.kind == "text":
            return "text in valid UTF-8"
        noun = "a number" if self.kind == "float" else "a whole number"
        above = "above" if self.exclusive else "from"
        low, high = f"{self.minimum:.15g}", f"{self.maximum:.15g}"
        span = f"{noun} {above} {low} " + (f"up to {high}" if self.exclusive else f"to {high}")
        return f"auto or {span}" if self.kind == "int_or_auto" else span


@cache
def options() -> tuple[Option, ...]:
    """All options in the order of their sections."""
    return tuple(
        _describe(f"{section}.{name}", field)
        for section, model in _sections().items()
        for name, field in model.model_fields.items()
    )


@cache
def _sections() -> dict[str, type[BaseModel]]:
    return {name: type(field.default) for name, field in Settings.model_fields.items()}


def section_help(section: str) -> str:
    """One line about a section, for headings."""
    return (_sections()[section].__doc__ or "").strip()


def _describe(key: str, field: FieldInfo) -> Option:
    kind: OptionKind
    choices: tuple[str, ...] = ()
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        kind, choices = "choice", tuple(get_args(annotation))
    elif annotation in (int, float, bool, str):
        kinds: dict[Any, OptionKind] = {int: "int", float: "float", bool: "bool", str: "text"}
        kind = kinds[annotation]
    else:
        kind = "int_or_auto"
    limits = {
        name: getattr(m, name) for m in field.metadata for name in ("ge", "gt", "le") if hasattr(m, name)
    }
    extra: dict[str, Any] = dict(field.json_schema_extra) if isinstance(field.json_schema_extra, dict) else {}
    limits |= {name: extra[name] for name in ("ge", "le") if name in extra}  # a union's own are not read
    return Option(
        key=key,
        kind=kind,
        default=field.default,
        help=field.description or "",
        unit=str(extra.get("unit", "")),
        minimum=limits.get("gt", limits.get("ge")),
        exclusive="gt" in limits,
        maximum=limits.get("le"),
        choices=choices,
    )


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {
        f"{section}.{name}": TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]  # a type made at run time
        for section, model in _sections().items()
        for name, field in model.model_fields.items()
    }


def find_option(key: str) -> Option:
    """Return the option called `section.key`; raises SettingsError with the nearest names."""
    for option in options():
        if option.key == key:
            return option
    from difflib import get_close_matches

    near = get_close_matches(key, [o.key for o in options()], n=3, cutoff=0.5)
    way_out = f"did you mean {' or '.join(near)}?" if near else "`fext presets options` lists all settings"
    raise SettingsError(f"unknown setting {key!r}", way_out)


def check_option(key: str, value: Any) -> Any:
    """Return `value` as the option's own type; raises SettingsError naming key, value and what is allowed."""
    option = find_option(key)
    try:
        if isinstance(value, bool) and option.kind != "bool":
            raise ValueError("Python would take true for the number 1")
        if option.kind == "text" and b"\0" in str(value).encode():  # bytes that are not UTF-8 raise here
            raise ValueError("no path holds a NUL")
        return _adapters()[key].validate_python(value)
    except ValueError:  # pydantic's ValidationError is one, and so is UnicodeEncodeError
        shown = repr(value) if len(repr(value)) <= 80 else f"{value!r:.76}..."
        raise SettingsError(f"{key} = {shown} is not allowed", f"give {option.allowed}") from None
