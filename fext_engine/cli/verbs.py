"""The commands that are jobs: each runs in this process, or with --detach in one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fext_engine.cli.common import Common, command, flag
from fext_engine.cli.display import Display, open_display
from fext_engine.cli.failures import report
from fext_engine.cli.ranked import show_ranked
from fext_engine.cli.tables import CsvFile
from fext_engine.errors import FextError, JobStopped
from fext_engine.export.formats import FormatName
from fext_engine.ranks import leads, under_torchrun

Detach = Annotated[
    bool, typer.Option("--detach", help="Start it in the background and print the job's id at once.")
]
Images = Annotated[str | None, flag("dataset.images", "--images")]
SampleSize = Annotated[str | None, flag("dataset.sample_size", "--sample-size")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, a unique beginning of it, or latest.")]
Encoding = Annotated[
    str,
    typer.Argument(
        metavar="ENCODING", help="An encoding's name, a unique beginning of it, its folder, or latest."
    ),
]
MetricName = Annotated[
    Literal["cosine", "euclidean"], typer.Option("--metric", help="How far two vectors are apart.")
]


@command
def analyze(
    common: Common, images: Images = None, sample_size: SampleSize = None, detach: Detach = False
) -> None:
    """Inspect a dataset: statistics, faults, drift, class balance, plots."""
    _run(
        common, "analyze", {}, detach, {"dataset.images": _folder(images), "dataset.sample_size": sample_size}
    )


@command
def train(
    common: Common,
    *,
    images: Images = None,
    name: Annotated[
        str | None, typer.Option(metavar="RUN", help="Name of the run, else the model and the time.")
    ] = None,
    epochs: Annotated[str | None, flag("training.epochs", "--epochs")] = None,
    sample_size: SampleSize = None,
    detach: Detach = False,
) -> None:
    """Train an autoencoder from scratch."""
    flags = {
        "dataset.images": _folder(images),
        "dataset.sample_size": sample_size,
        "training.epochs": epochs,
    }
    _run(common, "train", {"name": name}, detach, flags)


@command
def estimate(
    common: Common, images: Images = None, sample_size: SampleSize = None, detach: Detach = False
) -> None:
    """Say what a training would take, after a short trial: memory, disk, time."""
    flags = {"dataset.images": _folder(images), "dataset.sample_size": sample_size}
    _run(common, "estimate", {}, detach, flags)


@command
def find_lr(
    common: Common, images: Images = None, sample_size: SampleSize = None, detach: Detach = False
) -> None:
    """Suggest a learning rate, from a hundred steps at rising rates."""
    flags = {"dataset.images": _folder(images), "dataset.sample_size": sample_size}
    _run(common, "find-lr", {}, detach, flags)


@command
def resume(
    common: Common,
    run: Run,
    epochs: Annotated[str | None, flag("session.additional_epochs", "--epochs")] = None,
    detach: Detach = False,
) -> None:
    """Train a run further, by its own configuration."""
    flags = {"session.additional_epochs": epochs}
    _run(common, "resume", {"run": _find_run(common, run)}, detach, flags)


@command
def evaluate(common: Common, run: Run, detach: Detach = False) -> None:
    """Measure a run on its validation images: metrics, reconstructions, embedding plots."""
    _run(common, "evaluate", {"run": _find_run(common, run)}, detach)


@command
def encode(
    common: Common,
    run: Run,
    *,
    input_folder: Annotated[
        str | None,
        typer.Option("--input", metavar="DIR", help="Images to encode, else database/inference."),
    ] = None,
    output_folder: Annotated[
        str | None,
        typer.Option("--output", metavar="DIR", help="Folder for the vectors, else one in database/inference."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Bring the last encoding of these images up to date.")
    ] = False,
    detach: Detach = False,
) -> None:
    """Encode a folder of images into latent vectors with a manifest."""
    arguments = {
        "run": _find_run(common, run), "input": _folder(input_folder), "output": _folder(output_folder),
        "update": update,
    }  # fmt: skip
    _run(common, "encode", arguments, detach)


@command
def index(
    common: Common, encoding: Encoding, *, metric: MetricName = "cosine", detach: Detach = False
) -> None:
    """Build an approximate index of a large encoding, which `search` then uses, and measure its recall."""
    _run(common, "index", {"encoding": _find_encoding(common, encoding), "metric": metric}, detach)


@command
def draw_map(
    common: Common,
    encoding: Encoding,
    *,
    method: Annotated[
        Literal["pca", "umap"],
        typer.Option("--method", help="Principal components, or UMAP (needs the extra map)."),
    ] = "pca",
    colour: Annotated[
        Literal["class", "split"], typer.Option("--colour", help="What the colours of the figure tell.")
    ] = "class",
    output: Annotated[
        str | None, typer.Option("--output", metavar="PNG", help="The figure, else map.png in the encoding.")
    ] = None,
    detach: Detach = False,
) -> None:
    """Map an encoding in two dimensions, as a figure and a table."""
    arguments = {
        "encoding": _find_encoding(common, encoding), "method": method, "colour": colour, "output": _folder(output),
    }  # fmt: skip
    _run(common, "map", arguments, detach)


@command
def probe(common: Common, encoding: Encoding, detach: Detach = False) -> None:
    """Measure how well an encoding tells the classes of its images apart."""
    _run(common, "probe", {"encoding": _find_encoding(common, encoding)}, detach)


@command
def export(
    common: Common,
    run: Run,
    *,
    export_format: Annotated[
        FormatName, typer.Option("--format", help="Weights with a model.py, graphs of ONNX, or graphs of torch.export.")
    ] = "safetensors",
    output_folder: Annotated[
        str | None,
        typer.Option("--output", metavar="DIR", help="New folder for the model, else one in the run's exports."),
    ] = None,
    detach: Detach = False,
) -> None:
    """Export a run's model for use without FeXT, checked against the run's own."""
    arguments = {
        "run": _find_run(common, run), "format": export_format, "output": _folder(output_folder),
    }  # fmt: skip
    _run(common, "export", arguments, detach)


@command
def anomalies(
    common: Common,
    encoding: Annotated[
        str,
        typer.Argument(metavar="ENCODING", help="An encoding's name, beginning or folder, or latest."),
    ],
    *,
    reference: Annotated[
        str | None,
        typer.Option(metavar="ENCODING", help="Normal images, else the run's own, else all of ENCODING."),
    ] = None,
    false_positive_rate: Annotated[
        float,
        typer.Option(metavar="R", min=0.0001, max=0.5, help="Share of normal images that may be flagged."),
    ] = 0.05,
    top: Annotated[int, typer.Option(metavar="K", min=1, help="How many are printed, and drawn.")] = 20,
    heat_maps: Annotated[
        bool, typer.Option("--heat-maps", help="Keep where each image is unusual, and draw the top ones.")
    ] = False,
    csv_file: CsvFile = None,
    detach: Detach = False,
) -> None:
    """Rank an encoding's images, the most unusual first."""
    if detach and csv_file:
        raise typer.BadParameter("--csv needs the result: leave out --detach, and read its scores.csv")
    folder = common.workspace.find_encoding(encoding).absolute()
    normal = common.workspace.find_encoding(reference).absolute() if reference else None
    arguments = {
        "encoding": str(folder), "reference": str(normal) if normal else None, "top": top,
        "false_positive_rate": false_positive_rate, "heat_maps": heat_maps,
    }  # fmt: skip
    _run(common, "anomalies", arguments, detach)
    if not detach:
        show_ranked(common, folder, top, csv_file)


@command
def sample(
    common: Common,
    output_folder: Annotated[
        str | None, typer.Option("--output", metavar="DIR", help="Where to write it, else database/images.")
    ] = None,
    detach: Detach = False,
) -> None:
    """Write a small generated dataset to try everything with."""
    _run(common, "sample", {"output": _folder(output_folder)}, detach)


def _run(
    common: Common,
    verb: str,
    arguments: dict[str, Any],
    detach: bool,
    flags: Mapping[str, str | None] | None = None,
) -> None:
    settings = common.settings(flags)
    if detach:
        from fext_engine.jobs.supervisor import Supervisor

        job_id = Supervisor(common.workspace).start(verb, settings, arguments)
        if common.json:
            common.print_json({"id": job_id, "verb": verb, "folder": str(common.workspace.jobs / job_id)})
        else:
            print(job_id)
        return
    from fext_engine.jobs.together import new_or_interrupted, run_together

    workspace, failure = common.workspace, None
    with open_display(common.json) if leads() else Display() as display:
        try:
            run_together(
                workspace, lambda: new_or_interrupted(workspace, verb, settings, arguments), display
            )
        except FextError as error:  # the display has its event already
            failure = error
    if failure:
        code = report(failure)
        raise typer.Exit(0 if isinstance(failure, JobStopped) and under_torchrun() else code)


def _find_run(common: Common, name: str) -> str:
    """The run's whole name, so that an unknown one is refused before a job begins."""
    return common.workspace.find_run(name).name


def _find_encoding(common: Common, name: str) -> str:
    """The encoding's folder, so that an unknown one is refused before a job begins."""
    return str(common.workspace.find_encoding(name).absolute())


def _folder(text: str | None) -> str | None:
    """A folder of the command line as the job, which may run elsewhere, finds it."""
    return None if text is None else str(Path(text).expanduser().absolute())
