"""The verb `evaluate`: metrics of the validation images one by one, figures, and a report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fext_engine import __version__
from fext_engine.errors import FextError, JobStopped
from fext_engine.evaluation.embeddings import component_labels, principal_components, save_points
from fext_engine.evaluation.figures import save_reconstructions
from fext_engine.jobs.job import Job
from fext_engine.model.metrics import METRICS, image_metrics
from fext_engine.paths import escape_name
from fext_engine.training.augmentation import identities
from fext_engine.training.batches import Batch, noisy, to_float
from fext_engine.training.checkpoints import LoadedModel
from fext_engine.training.device import autocast, choose_device
from fext_engine.training.image_folder import find_images
from fext_engine.training.reading import ImageSize, Pixels, read_image, read_images, thread_count
from fext_engine.training.run_folder import RunFolder, read_split, write_csv
from fext_engine.training.shared_model import load_shared_model
from fext_engine.workspace import atomic_folder, replace_folder

EXTREMES = 5
"""Images that the report names as the best and as the worst."""

NAMED = 3
"""Of these, as many are told when the job ends."""

EMBEDDED = 5000
"""Images of each split in the plot of the embeddings, at most: more points than a plot can show."""


@dataclass(frozen=True)
class _Evaluation:
    """A run's model on its own images."""

    job: Job
    loaded: LoadedModel
    device: torch.device
    root: Path
    left_out: list[str] = field(default_factory=list)

    @property
    def size(self) -> ImageSize:
        data = self.loaded.settings.dataset
        return ImageSize(data.image_height, data.image_width, data.grayscale)

    @property
    def no_embeddings(self) -> NDArray[np.float32]:
        """(0, C')."""
        return np.empty((0, self.loaded.model.latent_shape[2]), np.float32)

    def batches(self, paths: list[str], stage: str) -> Iterator[tuple[list[str], Batch]]:
        """Yield the readable images with their paths; memory does not grow with their number.

        Of several processes each has a share. A batch is what can be read of so many files in a row, so the
        batches are the same for any number of processes.
        """
        size, done = self.job.settings.inference.batch_size, 0
        steps = self.job.ranks.share(-(-len(paths) // size))
        own = paths[steps.start * size : steps.stop * size]
        images = read_images(self.root, own, self.size, thread_count(self.job.settings.device.num_workers))
        while files := list(islice(images, size)):
            self.left_out.extend(
                f"{i.path} is left out: {i.status}, {i.reason}" for i in files if i.pixels is None
            )
            read = [(image.path, image.pixels) for image in files if image.pixels is not None]
            if read:
                names = [path for path, _ in read]
                yield names, self.batch(names, [pixels for _, pixels in read])
            done += len(files)
            self.job.progress(stage, done, len(paths))
            if self.job.stop_requested:
                raise JobStopped("stopped; the evaluation was not finished", "evaluate again from the start")

    def tell_left_out(self) -> None:
        """Name the files that no process could read since this was asked last."""
        for part in self.job.ranks.collect(list(self.left_out)):
            for message in part:
                self.job.log(message, "warning")
        self.left_out.clear()

    def batch(self, paths: list[str], pixels: list[Pixels]) -> Batch:
        """These images on the device, with the noise that validation adds where the model denoises."""
        images = to_float(torch.from_numpy(np.stack(pixels)).to(self.device))
        return noisy(images, identities(paths), self.loaded.settings, epoch=0)

    @torch.inference_mode()
    def reconstruct(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstructions (N, C, H, W), float in [0, 1], and embeddings (N, C'): the latents' mean over positions."""
        with autocast(self.device, self.loaded.settings.training.mixed_precision):
            latents = self.loaded.model.encode(images)
            output = self.loaded.model.decode(latents)
        return output.float(), latents.float().mean((2, 3))


def evaluate(job: Job) -> dict[str, Any]:
    """Evaluate a run's best weights on its validation images. Argument: `run`.

    Several processes measure a share each; the one that leads does the rest, and the others return nothing.
    Leaves `evaluation/` in the run's folder, whole: report.json, images.csv (the metrics of each image),
    reconstructions.png, worst.png and plots of the embeddings. Returns the means of the metrics, and the names
    of the best and worst images.
    """
    ranks = job.ranks
    run = RunFolder(ranks.by_leader(lambda: job.workspace.find_run(str(job.arguments["run"]))))
    job.belongs_to(run.name)
    device = choose_device(job.settings.device, ranks)
    loaded = load_shared_model(run, device, ranks)
    rows = read_split(run)
    root = ranks.by_leader(lambda: find_images(job, loaded.settings, rows))
    work = _Evaluation(job, loaded, device, root)
    sides = {side: [r.path for r in rows if r.split == side] for side in ("train", "validation")}
    paths, values, embeddings = _measure(work, sides["validation"])
    training = _embed(work, _spread(sides["train"], EMBEDDED))
    if not ranks.leads:
        return {}
    new = run.path / f".{job.id}"
    with atomic_folder(new) as folder:
        write_csv(folder / "images.csv", ("path", *METRICS), list(zip(paths, *values.values(), strict=True)))
        ranked = [paths[i] for i in np.argsort(values["mse"], kind="stable")]
        _draw(work, folder, paths, ranked)
        variance = _draw_embeddings(folder, (paths, embeddings), training)
        report = _report(run, loaded, values, ranked) | {"embedding_variance": variance}
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    replace_folder(run.evaluation, new)
    for file in sorted(run.evaluation.iterdir()):
        job.artifact(file, {".png": "figure", ".csv": "table"}.get(file.suffix, "report"))
    named = {side: ", ".join(report[side][:NAMED]) for side in ("best", "worst")}
    return {"run": run.name, "folder": escape_name(str(run.evaluation)), **report["mean"], **named}


def _measure(
    work: _Evaluation, paths: list[str]
) -> tuple[list[str], dict[str, NDArray[np.float64]], NDArray[np.float32]]:
    """Metrics of each readable image, (N,) by name, and embeddings (M, C') of the first EMBEDDED of them.

    All of them for the process that leads, and nothing for the others.
    """
    ranks, names = work.job.ranks, list[str]()
    values: dict[str, list[NDArray[np.float64]]] = {name: [] for name in METRICS}
    embeddings: list[NDArray[np.float32]] = []
    with work.job.shared():
        for batch, images in work.batches(paths, "evaluating"):
            output, embedded = work.reconstruct(images.inputs)
            for name, tensor in image_metrics(output, images.targets).items():
                values[name].append(tensor.cpu().double().numpy())
            if len(names) < EMBEDDED:
                embeddings.append(embedded.cpu().numpy())
            names += batch
    work.tell_left_out()
    counts = ranks.gather(len(names))
    if not sum(counts):
        raise FextError("none of the validation images can be read", "put them back, or use --images DIR")
    first = sum(counts[: ranks.number])
    starts = np.cumsum([first, *map(len, embeddings)])
    wanted = [part for part, start in zip(embeddings, starts, strict=False) if start < EMBEDDED]
    own = {name: np.concatenate([np.empty(0), *parts]) for name, parts in values.items()}
    found = ranks.collect((names, own, np.concatenate([work.no_embeddings, *wanted])))
    return (
        [name for part, _, _ in found for name in part],
        {name: np.concatenate([np.empty(0), *[part[name] for _, part, _ in found]]) for name in METRICS},
        np.concatenate([work.no_embeddings, *[part for _, _, part in found]]),
    )


def _embed(work: _Evaluation, paths: list[str]) -> tuple[list[str], NDArray[np.float32]]:
    names: list[str] = []
    embeddings = [work.no_embeddings]
    with work.job.shared():
        for batch, images in work.batches(paths, "embedding"):
            embeddings.append(work.reconstruct(images.inputs)[1].cpu().numpy())
            names += batch
    work.tell_left_out()
    found = work.job.ranks.collect((names, np.concatenate(embeddings)))
    return [name for part, _ in found for name in part], np.concatenate(
        [work.no_embeddings, *[part for _, part in found]]
    )


def _draw(work: _Evaluation, folder: Path, paths: list[str], ranked: list[str]) -> None:
    """Figures of images spread over the validation split, and of the worst ones."""
    count = work.job.settings.inference.num_evaluation_images
    chosen = {"reconstructions": _spread(paths, count), "worst": ranked[::-1][:count]}
    for name, shown in chosen.items():
        read = [read_image(work.root, path, work.size).pixels for path in shown]
        batch = work.batch(shown, [p for p in read if p is not None])
        output = work.reconstruct(batch.inputs)[0]
        metrics = {key: value.tolist() for key, value in image_metrics(output, batch.targets).items()}
        save_reconstructions(folder / f"{name}.png", shown, batch, output.cpu(), metrics)


def _draw_embeddings(
    folder: Path,
    validation: tuple[list[str], NDArray[np.float32]],
    training: tuple[list[str], NDArray[np.float32]],
) -> list[float]:
    """Plots of the first two principal components by split and, where there are folders, by class."""
    count = len(validation[1])
    points, variance = principal_components(np.concatenate([validation[1], training[1]]))
    paths = [*validation[0][:count], *training[0]]
    splits = ["validation"] * count + ["train"] * len(training[0])
    title, labels = "Principal components of the embeddings", component_labels(variance)
    save_points(folder / "embeddings_by_split.png", points, title, labels, splits)
    classes = [path.rpartition("/")[0] for path in paths]
    if len(set(classes)) > 1:
        save_points(folder / "embeddings_by_class.png", points, title, labels, classes)
    return variance


def _report(
    run: RunFolder, loaded: LoadedModel, values: dict[str, NDArray[np.float64]], ranked: list[str]
) -> dict[str, Any]:
    return {
        "run": run.name,
        "model": loaded.model.name,
        "checkpoint": {"epoch": loaded.epoch, "digest": f"sha256:{loaded.digest}"},
        "images": len(ranked),
        "mean": {name: float(v.mean()) for name, v in values.items()},
        "standard_deviation": {name: float(v.std()) for name, v in values.items()},
        "best": ranked[:EXTREMES],
        "worst": ranked[::-1][:EXTREMES],
        "versions": {"fext": __version__, "torch": torch.__version__},
    }


def _spread(paths: list[str], count: int) -> list[str]:
    """At most `count` of the paths, evenly spread over them."""
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    return [paths[i] for i in chosen]
