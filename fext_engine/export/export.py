"""The verb `export`: a run's model as a folder of files that others load without FeXT, checked before it is kept."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from fext_engine.errors import FextError, JobStopped
from fext_engine.export.config import CONFIG, ExportConfig, ExportedFile, Parity, is_whole
from fext_engine.export.formats import FormatName, find_format
from fext_engine.export.parity import check_reading, measure
from fext_engine.export.readme import README, readme_text
from fext_engine.export.subject import PARTS, Format, Subject, choose_subject
from fext_engine.jobs.job import Job
from fext_engine.latents.manifest import Checkpoint, Preprocessing
from fext_engine.paths import escape_name
from fext_engine.training.checkpoints import LoadedModel, load_model
from fext_engine.training.run_folder import RunFolder
from fext_engine.workspace import atomic_folder

_STEPS = 6  # two parts, code, load, two checks: about as long as they take


def export(job: Job) -> dict[str, Any]:
    """Export a run's best weights. Arguments: `run`; `format`, one of FORMATS; `output`, a new folder, optional.

    The folder is `exports/<format>-<epoch>` of the run unless it is given. It appears whole or not at all: when
    what was written does not give, within a tolerance, what the run's model gives, nothing is kept. An export of
    the same weights that is there already and undamaged is left as it is.
    """
    run = RunFolder(job.workspace.find_run(str(job.arguments["run"])))
    job.belongs_to(run.name)
    name = find_format(str(job.arguments.get("format") or "safetensors"))
    loaded = load_model(run, torch.device("cpu"))
    output = Path(str(job.arguments.get("output") or run.exports / f"{name}-{loaded.epoch:04d}"))
    output = output.expanduser().absolute()
    result = {"run": run.name, "format": name, "epoch": loaded.epoch, "folder": escape_name(str(output))}
    if output.exists():
        return result | _left_as_it_is(job, output, name, loaded)
    subject = choose_subject(job, run, loaded)
    form: Format = import_module(f"fext_engine.export.{name}_format").FORMAT
    try:
        with atomic_folder(output) as folder:
            config = _write(job, folder, form, subject, name)
    except FileExistsError:  # by another job, in the meantime
        return result | _left_as_it_is(job, output, name, loaded)
    job.artifact(output, "export")
    assert config.parity is not None
    return result | {
        "size_bytes": sum(file.bytes for file in config.files.values()),
        "encoder_difference": config.parity.encoder,
        "autoencoder_difference": config.parity.autoencoder,
    }


def _left_as_it_is(job: Job, output: Path, name: str, loaded: LoadedModel) -> dict[str, Any]:
    """What there is, when it is what would be written; else FextError."""
    shown = escape_name(str(output))
    if not is_whole(output, name, f"sha256:{loaded.digest}"):
        raise FextError(
            f"{shown} exists already, and is no whole export of these weights to {name}",
            "choose another --output, or remove it",
        )
    job.log(f"{shown} is up to date: it was left as it is")
    return {"up_to_date": True}


def _write(job: Job, folder: Path, form: Format, subject: Subject, name: FormatName) -> ExportConfig:
    """Write, load and check everything; returns what config.json says."""
    config = _describe(form, subject, name)
    (folder / CONFIG).write_text(config.text(), encoding="utf-8")  # what is loaded may read it
    about = {"config": config.text(), "inputs": config.inputs, "outputs": config.outputs}
    for done, _ in enumerate(form.write(folder, subject, about), start=1):
        _advance(job, done)
    parts, expected = form.load(folder), subject.expected()
    _advance(job, 4)
    differences = {}
    for done, part in enumerate(PARTS, start=5):
        differences[part] = measure(part, parts[part], subject.pixels, expected[part])
        _advance(job, done)
    check_reading(folder / form.code, subject)
    parity = Parity(
        images=subject.source,
        encoder=differences["encoder"].maximum,
        autoencoder=differences["autoencoder"].maximum,
        largest_latent=differences["encoder"].largest,
    )
    example = _fill(form.example, config)
    (folder / README).write_text(readme_text(config, parity, example), encoding="utf-8")
    files = {file.name: ExportedFile.of(file) for file in sorted(folder.iterdir()) if file.name != CONFIG}
    config = config.model_copy(update={"parity": parity, "files": files})
    (folder / CONFIG).write_text(config.text(), encoding="utf-8")
    _tell(job, config, parity, example)
    return config


def _describe(form: Format, subject: Subject, name: FormatName) -> ExportConfig:
    loaded = subject.loaded
    config = ExportConfig(
        export=name,
        run=subject.run,
        model=loaded.model.name,
        checkpoint=Checkpoint(epoch=loaded.epoch, digest=f"sha256:{loaded.digest}"),
        latent_shape=loaded.model.latent_shape,
        inputs=form.inputs,
        outputs=form.outputs,
        preprocessing=Preprocessing.of(loaded.settings.dataset),
    )
    return config.model_copy(
        update={"inputs": _fill(form.inputs, config), "outputs": _fill(form.outputs, config)}
    )


def _fill(text: str, config: ExportConfig) -> str:
    """Put the sizes of the model into a text."""
    height, width, channels = config.latent_shape
    size = config.preprocessing
    return text.format(
        height=size.height, width=size.width, channels=size.channels,
        latent_height=height, latent_width=width, latent_channels=channels,
    )  # fmt: skip


def _advance(job: Job, done: int) -> None:
    job.progress("exporting", done, _STEPS, "steps")
    if job.stop_requested:
        raise JobStopped("stopped; nothing was kept", "export again from the start")


def _tell(job: Job, config: ExportConfig, parity: Parity, example: str) -> None:
    """Say what was written, how far it is from the run's model, and how it is used."""
    for name, file in config.files.items():
        job.log(f"{name}: {file.bytes:,} bytes")
    job.log(
        f"compared with the run's model on {parity.images}: latents, up to {parity.largest_latent:.3g}, differ by "
        f"{parity.encoder:.2g} at most, reconstructions in [0, 1] by {parity.autoencoder:.2g}"
    )
    job.log(f"to use it ({README} in the folder says more):")
    for line in example.splitlines():
        job.log(f"    {line}")
