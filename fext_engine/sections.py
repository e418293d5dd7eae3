"""The sections of the settings: every option with its type, range, unit and help."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

ModelName = Literal["FextAE Redux", "FextAE Medium", "FextAE Large"]


def _auto_or_number(value: Any) -> Any:
    if isinstance(value, str) and value.strip().lower() != "auto":
        return int(value)  # ValueError becomes a validation error
    return value.strip().lower() if isinstance(value, str) else value


Workers = Annotated[Literal["auto"] | Annotated[int, Field(ge=0, le=256)], BeforeValidator(_auto_or_number)]
BatchSize = Annotated[Literal["auto"] | Annotated[int, Field(ge=1, le=4096)], BeforeValidator(_auto_or_number)]


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


def _whole_or_auto(default: int | str, help: str, *, ge: int, le: int, unit: str = "") -> Any:
    """The limits are for those who read them: in a union the type checks its own."""
    return Field(default, description=help, json_schema_extra={"unit": unit, "ge": ge, "le": le})


def _plain(default: Any, help: str) -> Any:
    return Field(default, description=help)


class Section(BaseModel):
    """A table of settings: closed to unknown names, never changed in place."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetSettings(Section):
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
    cache_limit: float = _finite(
        50.0,
        "What resized images may take on disk in all; the least recently used go first.",
        gt=0, le=1_000_000, unit="GB",
    )  # fmt: skip


class HealthSettings(Section):
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


class AugmentationSettings(Section):
    """Random changes in training."""

    enabled: bool = _plain(False, "Change training images at random, anew each epoch.")
    horizontal_flip: float = _finite(0.5, "Probability of a left-right flip.", ge=0, le=1)
    vertical_flip: float = _finite(0.5, "Probability of an up-down flip.", ge=0, le=1)
    shift: float = _finite(
        0.0, "Largest move up, down and sideways, as a share of the side; edges are mirrored.", ge=0, le=0.5
    )
    brightness_probability: float = _finite(0.25, "Probability of a change of brightness.", ge=0, le=1)
    brightness_delta: float = _finite(0.2, "Largest change of brightness, up or down.", ge=0, le=1)
    contrast_probability: float = _finite(0.35, "Probability of a change of contrast.", ge=0, le=1)
    contrast_min: float = _finite(0.7, "Smallest factor of contrast.", ge=0, le=1)
    contrast_max: float = _finite(1.3, "Largest factor of contrast.", ge=1, le=5)


class ModelSettings(Section):
    """The autoencoder."""

    name: ModelName = _plain("FextAE Redux", "Which autoencoder: Redux is the fastest, Large the deepest.")
    dropout: float = _finite(0.2, "Dropout in the compression layer (the bottleneck).", ge=0, le=0.9)


class TrainingSettings(Section):
    """How the model learns."""

    epochs: int = _whole(100, "Passes over the training images.", ge=1, le=100_000)
    batch_size: BatchSize = _whole_or_auto(
        32,
        "Images in one training step; auto takes what fits in memory and still gives enough steps.",
        ge=1, le=4096, unit="images",
    )  # fmt: skip
    seed: int = _whole(
        42, "Seed of the weights, the order, the augmentation and the dropout.", ge=0, le=2**31 - 1
    )
    loss: Literal["mae", "mse", "mae_ssim", "mse_ssim"] = _plain(
        "mae", "Mean absolute or mean squared error, alone or mixed with structural dissimilarity."
    )
    optimizer: Literal["muon", "adamw"] = _plain(
        "muon", "Muon on the convolutions with AdamW for the rest, or AdamW."
    )
    denoising: float = _finite(
        0.0,
        "Standard deviation of noise that is added to what the model sees, never to what it should give back; "
        "1 is from black to white, 0 is off.",
        ge=0, le=1,
    )  # fmt: skip
    ema: float = _finite(
        0.0,
        "Decay of a running average of the weights, which is then what is validated and used; 0 is off.",
        ge=0, le=0.9999,
    )  # fmt: skip
    patience: int = _whole(
        0, "Stop after so many epochs without a better validation loss; 0 never does.",
        ge=0, le=100_000, unit="epochs",
    )  # fmt: skip
    accumulation: int = _whole(
        1,
        "Pieces in which a batch goes through the model, one after the other: a larger batch than fits in memory.",
        ge=1, le=1024,
    )  # fmt: skip
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


class ScheduleSettings(Section):
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


class DeviceSettings(Section):
    """What computes."""

    device: Literal["auto", "cpu", "cuda", "mps", "all"] = _plain(
        "auto", "auto takes CUDA, then Apple's GPU, then the CPU; all takes every GPU of this machine at once."
    )
    device_id: int = _whole(0, "Which GPU, when there are several.", ge=0, le=63)
    num_workers: Workers = _whole_or_auto(
        "auto", "Processes or threads that read images; auto is one a core.", ge=0, le=256
    )


class SessionSettings(Section):
    """Continuing a run."""

    additional_epochs: int = _whole(10, "Epochs that a resumed run is trained further.", ge=1, le=100_000)


class InferenceSettings(Section):
    """Evaluation and encoding."""

    batch_size: int = _whole(
        32, "Images in one step of evaluation or encoding.", ge=1, le=4096, unit="images"
    )
    num_evaluation_images: int = _whole(6, "Images in the figure of reconstructions.", ge=1, le=64)
    latent_dtype: Literal["float32", "float16"] = _plain("float32", "Number format of the latent vectors.")
    pooling: Literal["none", "mean", "max", "flatten", "pca"] = _plain(
        "flatten",
        "flatten keeps the whole latent map as one vector; none keeps its shape; mean and max pool it; "
        "pca reduces it to its principal components.",
    )
    pca_components: int = _whole(64, "pca: principal components, the values of a vector.", ge=1, le=1024)
