"""Every option of FeXT, typed, with its range and help: the one source for forms, flags, files and checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from pydantic.fields import FieldInfo

from fext_engine.errors import SettingsError

ModelName = Literal["FextAE Redux", "FextAE Medium", "FextAE Large"]
OptionKind = Literal["int", "float", "bool", "choice", "text", "int_or_auto"]


def _auto_or_number(value: Any) -> Any:
    if isinstance(value, str) and value.strip().lower() != "auto":
        return int(value)  # ValueError becomes a validation error
    return value.strip().lower() if isinstance(value, str) else value


AutoOrInt = Annotated[Literal["auto"] | Annotated[int, Field(ge=0, le=256)], BeforeValidator(_auto_or_number)]


def _finite(
    default: float,
    help: str,
    *,
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    unit: str = "",
) -> Any:
    return Field(
        default, ge=ge, le=le, gt=gt, allow_inf_nan=False, description=help, json_schema_extra={"unit": unit}
    )


def _whole(default: int, help: str, *, ge: int, le: int, unit: str = "") -> Any:
    return Field(default, ge=ge, le=le, description=help, json_schema_extra={"unit": unit})


def _plain(default: Any, help: str) -> Any:
    return Field(default, description=help)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetSettings(_Section):
    """Which images, how large, and the split."""

    images: str = _plain("", "Folder of training images; empty means database/images of the resources.")
    image_height: int = _whole(128, "Height that every image is resized to.", ge=16, le=2048, unit="px")
    image_width: int = _whole(128, "Width that every image is resized to.", ge=16, le=2048, unit="px")
    grayscale: bool = _plain(False, "Use one grey channel instead of red, green and blue.")
    sample_size: float = _finite(1.0, "Share of all images that is used at all.", gt=0, le=1)
    train_sample_size: float = _finite(1.0, "Share of the training split that is trained on.", gt=0, le=1)
    validation_size: float = _finite(0.2, "Share of the images that is kept for validation.", gt=0, le=0.9)
    split_seed: int = _whole(42, "Seed of the split and of the sub-sampling.", ge=0, le=2**31 - 1)
    shuffle: bool = _plain(True, "Show the training images in a new order each epoch.")
    cache: Literal["auto", "ram", "disk", "off"] = _plain(
        "auto", "Where resized images are kept between epochs: in memory, on disk, or nowhere."
    )


class HealthSettings(_Section):
    """From where on an image of a dataset is worth a look."""

    dark_below: float = _finite(
        0.32, "dark: the brightest percent of the pixels is below this brightness (1 is white).", ge=0, le=1
    )
    bright_above: float = _finite(
        0.7, "bright: all but the darkest 5 percent of the pixels are above this brightness.", ge=0, le=1
    )
    blurry_below: float = _finite(
        15.0, "blurry: the variance of the Laplacian, which edges raise, is below this.", ge=0, le=100_000
    )
    low_information_below: float = _finite(
        3.0, "low information: the entropy of the grey values is below this.", ge=0, le=8, unit="bits"
    )
    low_contrast_below: float = _finite(
        10.0, "low contrast: the standard deviation of the grey values is below this.", ge=0, le=128
    )
    odd_size_factor: float = _finite(
        3.0, "odd size: at least so many times larger or smaller than the median.", ge=1, le=1000
    )
    odd_aspect_below: float = _finite(
        0.35, "odd aspect: the shorter over the longer side is below this.", ge=0, le=1
    )
    grey_below: float = _finite(1.0, "greyscale among colour: the colourfulness is below this.", ge=0, le=100)
    near_duplicate_radius: int = _whole(
        4, "near duplicate: perceptual hashes differ in at most so many bits of 64.", ge=0, le=8, unit="bits"
    )
    outlier_z: float = _finite(
        3.5, "outlier: the robust z of a measure is beyond this, up or down.", ge=1, le=1000
    )


class AugmentationSettings(_Section):
    """Random changes in training."""

    enabled: bool = _plain(False, "Change training images at random, anew each epoch.")
    horizontal_flip: float = _finite(0.5, "Probability of a left-right flip.", ge=0, le=1)
    vertical_flip: float = _finite(0.5, "Probability of an up-down flip.", ge=0, le=1)
    brightness_probability: float = _finite(0.25, "Probability of a change of brightness.", ge=0, le=1)
    brightness_delta: float = _finite(0.2, "Largest change of brightness, up or down.", ge=0, le=1)
    contrast_probability: float = _finite(0.35, "Probability of a change of contrast.", ge=0, le=1)
    contrast_min: float = _finite(0.7, "Smallest factor of contrast.", ge=0, le=1)
    contrast_max: float = _finite(1.3, "Largest factor of contrast.", ge=1, le=5)


class ModelSettings(_Section):
    """The autoencoder."""

    name: ModelName = _plain("FextAE Redux", "Which autoencoder: Redux is the fastest, Large the deepest.")
    dropout: float = _finite(0.2, "Dropout in the compression layer (the bottleneck).", ge=0, le=0.9)


class TrainingSettings(_Section):
    """How the model learns."""

    epochs: int = _whole(100, "Passes over the training images.", ge=1, le=100_000)
    batch_size: int = _whole(32, "Images in one training step.", ge=1, le=4096, unit="images")
    seed: int = _whole(
        42, "Seed of the weights, the order, the augmentation and the dropout.", ge=0, le=2**31 - 1
    )
    loss: Literal["mae", "mse"] = _plain("mae", "Mean absolute or mean squared error.")
    optimizer: Literal["muon", "adamw"] = _plain(
        "muon", "Muon on the convolutions with AdamW for the rest, or AdamW."
    )
    gradient_clip: float = _finite(1.0, "Largest norm of the gradient; 0 leaves it as it is.", ge=0, le=1000)
    mixed_precision: Literal["auto", "on", "off"] = _plain(
        "auto", "Compute in bfloat16 where the device is built for it."
    )
    jit: Literal["auto", "on", "off"] = _plain(
        "auto", "Compile the model; auto does so on CUDA, where it pays."
    )
    jit_backend: Literal["inductor", "aot_eager", "eager"] = _plain("inductor", "Backend of torch.compile.")
    checkpoint_every: int = _whole(
        1, "Save a checkpoint every so many epochs.", ge=1, le=10_000, unit="epochs"
    )
    keep_last: int = _whole(3, "Checkpoints kept besides the best and the last one.", ge=1, le=10_000)
    tensorboard: bool = _plain(False, "Write TensorBoard logs too (needs the extra `tensorboard`).")


class ScheduleSettings(_Section):
    """The learning rate over time."""

    kind: Literal["off", "linear", "wsd"] = _plain(
        "off",
        "off: constant after the warm-up; linear: constant, then a line down to the target; "
        "wsd: constant, then down to the target over the last fifth of the planned epochs.",
    )
    initial_lr: float = _finite(1e-3, "Learning rate of AdamW; Muon's is five times as high.", gt=0, le=1)
    target_lr: float = _finite(1e-4, "Learning rate at the end of linear and wsd.", ge=0, le=1)
    warmup_steps: int = _whole(
        20, "Steps over which the rate rises from zero.", ge=0, le=1_000_000, unit="steps"
    )
    constant_steps: int = _whole(1000, "linear: steps before the rate falls.", ge=0, le=10**9, unit="steps")
    decay_steps: int = _whole(500, "linear: steps over which the rate falls.", ge=1, le=10**9, unit="steps")


class DeviceSettings(_Section):
    """What computes."""

    device: Literal["auto", "cpu", "cuda", "mps"] = _plain(
        "auto", "auto takes CUDA, then Apple's GPU, then the CPU."
    )
    device_id: int = _whole(0, "Which GPU, when there are several.", ge=0, le=63)
    num_workers: AutoOrInt = _plain("auto", "Processes or threads that read images; auto is one a core.")


class SessionSettings(_Section):
    """Continuing a run."""

    additional_epochs: int = _whole(10, "Epochs that a resumed run is trained further.", ge=1, le=100_000)


class InferenceSettings(_Section):
    """Evaluation and encoding."""

    batch_size: int = _whole(
        32, "Images in one step of evaluation or encoding.", ge=1, le=4096, unit="images"
    )
    num_evaluation_images: int = _whole(6, "Images in the figure of reconstructions.", ge=1, le=64)
    latent_dtype: Literal["float32", "float16"] = _plain("float32", "Number format of the latent vectors.")
    pooling: Literal["none", "mean", "max", "flatten"] = _plain(
        "flatten",
        "flatten keeps the whole latent map as one vector; none keeps its shape; mean and max pool it.",
    )


class Settings(_Section):
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
    if kind == "int_or_auto":
        limits = {"ge": 0, "le": 256}
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
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
