"""The verb `anomalies`: the images of an encoding, the most unusual first."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fext_engine.errors import FextError
from fext_engine.jobs.job import Job
from fext_engine.latents.anomaly.detection import PixelCurve
from fext_engine.latents.anomaly.heat_files import PICTURES, MapWriter, draw
from fext_engine.latents.anomaly.labels import Label, find_mask, masks_among, read_labels, read_mask
from fext_engine.latents.anomaly.measures import Measurer
from fext_engine.latents.anomaly.normals import choose_normals, needed
from fext_engine.latents.anomaly.ranking import Ranking, count_faults, judge, judge_pixels, rank, table
from fext_engine.latents.anomaly.results import (
    FOLDER,
    MAPS,
    SUMMARY,
    TABLE,
    Anomalies,
    Line,
    Reference,
    Summary,
    digest_rows,
    read_anomalies,
    write_table,
)
from fext_engine.latents.anomaly.scoring import OnHeat, Scores, score_all
from fext_engine.latents.anomaly.subjects import Subjects
from fext_engine.latents.anomaly.weights import find_run, load_maker
from fext_engine.latents.encoding import Encoding, open_encoding, require_same_space
from fext_engine.latents.manifest import software_versions
from fext_engine.paths import escape_name
from fext_engine.training.device import choose_device
from fext_engine.training.reading import thread_count
from fext_engine.workspace import atomic_folder, replace_folder

RATE, TOP = 0.05, 20


@dataclass(frozen=True)
class _Question:
    """What is asked: these images, beside these normal ones, by this model."""

    job: Job
    subjects: Subjects
    measurer: Measurer
    labels: list[Label | None]
    """Of all files of the encoding."""
    rate: float
    top: int

    @property
    def encoding(self) -> Encoding:
        return self.subjects.encoding


def anomalies(job: Job) -> dict[str, Any]:
    """Score an encoding's images. Arguments: `encoding`; `reference`, `false_positive_rate`, `top`, `heat_maps`.

    Leaves `anomalies/` in the encoding's folder, whole: scores.csv, summary.json and, with `heat_maps`,
    heat_maps.npy and pictures of the `top` most anomalous images in heat_maps/.
    """
    question = _open(job)
    encoding = question.encoding
    new = encoding.folder / f".{job.id}"
    with atomic_folder(new) as folder:
        found = _answer(question, folder)
    target = encoding.folder / FOLDER
    replace_folder(target, new)
    job.artifact(target, "anomalies")
    summary = found.summary
    whole = {d.score: d for d in summary.detection if d.kind == "all"}
    return {
        "encoding": encoding.name, "folder": escape_name(str(target)), "reference": summary.reference.source,
        "scored": summary.scored, "without_score": sum(summary.without_score.values()),
        "flagged": summary.flagged, **({"auroc": whole["score"].auroc} if whole else {}),
        "ranked": [
            {"rank": line.rank, "score": line.score, "path": line.path, "flagged": line.flagged}
            for line in found.ranked[: question.top]
        ],
    }  # fmt: skip


def _open(job: Job) -> _Question:
    """Open and check everything that the question needs, before any work begins."""
    rate, top = float(job.arguments.get("false_positive_rate", RATE)), int(job.arguments.get("top", TOP))
    if not 0.0001 <= rate <= 0.5:
        raise FextError(f"a false-positive rate of {rate:g} is out of range", "choose one from 0.0001 to 0.5")
    encoding = open_encoding(job.workspace.find_encoding(str(job.arguments["encoding"])))
    if not encoding.rows:
        raise FextError(f"{escape_name(encoding.name)} holds no images", "encode a folder that has some")
    given = job.arguments.get("reference")
    reference = open_encoding(job.workspace.find_encoding(str(given))) if given else None
    if reference:
        require_same_space(encoding, reference)
    run = find_run(encoding, job.workspace)
    job.belongs_to(run.name)
    paths = [file.path for file in encoding.files]
    labels = read_labels(paths)
    normals = choose_normals(encoding, reference, run, needed(rate))
    subjects = Subjects(encoding, normals, masks_among(paths, labels))
    subjects.require_finite()
    subjects.require_images()
    device = choose_device(job.settings.device)
    threads = thread_count(job.settings.device.num_workers)
    measurer = Measurer(
        load_maker(encoding, run, device), device, threads, job.settings.inference.batch_size
    )
    return _Question(job, subjects, measurer, labels, rate, top)


def _answer(question: _Question, folder: Path) -> Anomalies:
    """Score the images and write all results into the folder."""
    job, size = question.job, question.measurer.size
    curves: dict[str, PixelCurve] = {}
    with ExitStack() as stack:
        maps = None
        if job.arguments.get("heat_maps"):
            rows = question.subjects.rows
            maps = stack.enter_context(MapWriter(folder / MAPS, rows, size.height, size.width))
        labelled = any(label and find_mask(question.encoding.images, label) for label in question.labels)
        on_heat = _heat_taker(question, maps, curves if labelled else None)
        scores = score_all(job, question.measurer, question.subjects, on_heat)
    ranking = rank(scores, question.subjects, question.rate)
    _tell(question, ranking)
    lines = table(ranking, scores, question.subjects, question.labels)
    write_table(folder / TABLE, lines)
    summary = _summary(question, ranking, scores, lines).model_copy(
        update={"pixel_detection": tuple(judge_pixels(curves)), "heat_maps": maps.shape if maps else None}
    )
    (folder / SUMMARY).write_text(summary.model_dump_json(indent=1) + "\n", encoding="utf-8")
    found = read_anomalies(folder)
    if maps:
        _draw(question.encoding, found, question.top)
    return found


def _tell(question: _Question, ranking: Ranking) -> None:
    """Say what the scores are beside, and what that does to them."""
    normals, job = question.subjects.normals, question.job
    job.log(f"normal is: {normals.source}, {len(normals.rows)} images; {ranking.calibrated} calibrate the scores")
    if normals.encoding is question.encoding and len(normals.rows) == question.subjects.rows:
        job.log("what is common in the encoding counts as normal; name normal images with --reference", "warning")
    if not ranking.unseen:
        job.log(
            "the model was trained on these very images: it reconstructs new ones worse, and flags more of them",
            "warning",
        )


def _heat_taker(
    question: _Question, maps: MapWriter | None, curves: dict[str, PixelCurve] | None
) -> OnHeat | None:
    """What is done with each heat map: stored, compared with the image's mask, or both; None for neither."""
    if maps is None and curves is None:
        return None
    root, labels = question.encoding.images, question.labels

    def take(row: int, heat: NDArray[np.float32]) -> None:
        if maps is not None:
            maps.write(row, heat)
        label = labels[row]
        if curves is None or label is None or not label.tested:
            return
        mask: NDArray[np.bool_] | None = np.zeros(heat.shape, bool)
        if not label.is_good:
            file = find_mask(root, label)
            mask = read_mask(file, *heat.shape) if file else None
        if mask is not None:
            curves.setdefault(label.kind, PixelCurve()).add(heat.astype(np.float16), mask)

    return take


def _summary(question: _Question, ranking: Ranking, scores: Scores, lines: list[Line]) -> Summary:
    normals, manifest = question.subjects.normals, question.encoding.manifest
    return Summary(
        encoding=escape_name(str(question.encoding.folder)),
        rows_digest=digest_rows(question.encoding.folder),
        run=manifest.run,
        checkpoint=manifest.checkpoint,
        reference=Reference(
            source=normals.source,
            encoding=escape_name(str(normals.encoding.folder)),
            images=len(normals.rows),
            fitted=scores.fitted,
            calibrated=ranking.calibrated,
            unseen=ranking.unseen,
        ),
        false_positive_rate=question.rate,
        thresholds=ranking.thresholds,
        scored=sum(line.rank is not None for line in lines),
        flagged=sum(line.flagged for line in lines),
        without_score=count_faults(lines),
        detection=tuple(judge(ranking, question.labels)),
        versions=software_versions(),
    )


def _draw(encoding: Encoding, found: Anomalies, top: int) -> None:
    """Pictures of the most anomalous images with their heat maps, named by rank."""
    pictures = found.folder / PICTURES
    pictures.mkdir()
    for line in found.ranked[:top]:
        assert line.row is not None
        heat = found.heat_map(line.row)
        if heat is not None:
            draw(encoding.image(line.row), heat, pictures / f"{line.rank:04d}.png")
