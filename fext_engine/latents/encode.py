"""The verb `encode`: any folder of images to a table of latent vectors that maps into memory."""

from __future__ import annotations

import csv
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fext_engine.arrays import RowWriter
from fext_engine.errors import FextError, JobStopped
from fext_engine.images.scan import scan
from fext_engine.jobs.job import Job
from fext_engine.latents.encoding import LATENTS, ROW_HEADER, ROWS, FileRow
from fext_engine.latents.manifest import MANIFEST, Checkpoint, Counts, Manifest, Preprocessing
from fext_engine.latents.pooling import LAYOUTS, pool, row_shape
from fext_engine.paths import escape_name
from fext_engine.records import open_records
from fext_engine.records.encodings import EncodingRecord, record_encoding
from fext_engine.training.batches import to_float
from fext_engine.training.checkpoints import LoadedModel, load_model
from fext_engine.training.device import autocast, choose_device
from fext_engine.training.reading import ImageSize, ReadImage, read_images, thread_count
from fext_engine.training.run_folder import RunFolder, free_name
from fext_engine.workspace import atomic_folder, timestamp

_NAMED = 100


@dataclass(frozen=True)
class _Encoding:
    """What is encoded with what."""

    job: Job
    loaded: LoadedModel
    device: torch.device
    root: Path
    paths: list[str]

    @property
    def row_shape(self) -> tuple[int, ...]:
        return row_shape(self.loaded.model.latent_shape, self.job.settings.inference.pooling)


def encode(job: Job) -> dict[str, Any]:
    """Encode every image below a folder. Arguments: `run`; `input` and `output`, folders, optional.

    The input is the workspace's inference folder and the output a new folder in it, unless they are given.
    The output appears whole or not at all, with the rows in the order of the scan. Files that cannot be
    decoded come after them, without a row number, with a status and a reason.
    """
    run = RunFolder(job.workspace.find_run(str(job.arguments["run"])))
    job.belongs_to(run.name)
    root = _folder(job.arguments.get("input"), job.workspace.inference)
    name = free_name(job.workspace.inference, f"{run.name}-{timestamp()}")
    output = _folder(job.arguments.get("output"), job.workspace.inference / name)
    if output.exists():
        raise FextError(f"{escape_name(str(output))} exists already", "choose another --output, or remove it")
    device = choose_device(job.settings.device)
    loaded = load_model(run, device)
    paths = [file.path for file in scan(root, partial(_tell_folder, job))]
    if not paths:
        raise FextError(
            f"there are no images in {escape_name(str(root))}", "put some there, or use --input DIR"
        )
    work = _Encoding(job, loaded, device, root, paths)
    with atomic_folder(output) as folder:
        statuses = _write(work, folder)
        (folder / MANIFEST).write_text(_manifest(work, run.name, statuses).text(), encoding="utf-8")
    record = _record(work, run, output, statuses)
    job.artifact(output, "encoding")
    return {
        "run": run.name, "encoding": output.name, "folder": record.path, "encoded": record.encoded,
        "broken": record.broken, "shape": [record.encoded, *work.row_shape],
    }  # fmt: skip


def _write(work: _Encoding, folder: Path) -> Counter[str]:
    """Write latents and rows as they come, and count the files by status."""
    job, inference = work.job, work.job.settings.inference
    statuses: Counter[str] = Counter()
    with (
        RowWriter(folder / LATENTS, work.row_shape, np.dtype(inference.latent_dtype)) as latents,
        (folder / ROWS).open("w", newline="", encoding="utf-8") as rows_file,
    ):
        rows = csv.writer(rows_file, lineterminator="\n")
        rows.writerow(ROW_HEADER)
        broken: list[FileRow] = []  # at the end: row i of the vectors is line i of the file
        for batch in _batches(work):
            row = latents.rows
            good = [image.pixels for image in batch if image.pixels is not None]
            if good:
                latents.write(encode_pixels(work.loaded, np.stack(good), work.device, inference.pooling))
            for image in batch:
                number = None if image.pixels is None else row
                line = FileRow(
                    number, image.path, image.width, image.height, image.digest, image.status, image.reason
                )
                if number is None:
                    broken.append(line)
                else:
                    rows.writerow(line.cells)
                    row += 1
                statuses[image.status] += 1
                if image.pixels is None and statuses.total() - statuses["ok"] <= _NAMED:
                    job.log(f"{image.path} has no vector: {image.status}, {image.reason}", "warning")
            job.progress("encoding", statuses.total(), len(work.paths))
            if job.stop_requested:
                raise JobStopped(
                    f"stopped after {statuses.total()} of {len(work.paths)} images; nothing was kept",
                    "encode again from the start",
                )
        rows.writerows(line.cells for line in broken)
    return statuses


@torch.inference_mode()
def encode_pixels(
    loaded: LoadedModel, pixels: NDArray[np.uint8], device: torch.device, pooling: str
) -> NDArray[np.float32]:
    """Latents of resized pixels (N, H, W, C), uint8: float32, in the shape that `pool` says."""
    images = to_float(torch.from_numpy(pixels).to(device))
    with autocast(device, loaded.settings.training.mixed_precision):
        latents = loaded.model.encode(images)
    result: NDArray[np.float32] = pool(latents.float(), pooling).cpu().numpy()
    return result


def _batches(work: _Encoding) -> Iterator[list[ReadImage]]:
    """Yield the images in order, decoded in threads ahead of the encoder."""
    data, settings = work.loaded.settings.dataset, work.job.settings
    size = ImageSize(data.image_height, data.image_width, data.grayscale)
    threads = thread_count(settings.device.num_workers)
    images = read_images(work.root, work.paths, size, threads, dimensions=True)
    while batch := list(islice(images, settings.inference.batch_size)):
        yield batch


def _manifest(work: _Encoding, run: str, statuses: Counter[str]) -> Manifest:
    loaded, inference = work.loaded, work.job.settings.inference
    return Manifest(
        run=run,
        model=loaded.model.name,
        checkpoint=Checkpoint(epoch=loaded.epoch, digest=f"sha256:{loaded.digest}"),
        images=escape_name(str(work.root)),
        latent_shape=loaded.model.latent_shape,
        row_shape=work.row_shape,
        layout=LAYOUTS[inference.pooling],
        dtype=inference.latent_dtype,
        pooling=inference.pooling,
        preprocessing=Preprocessing.of(loaded.settings.dataset),
        counts=Counts.of(statuses),
    )


def _folder(argument: object, default: Path) -> Path:
    return Path(str(argument)).expanduser().absolute() if argument else default


def _tell_folder(job: Job, path: str, reason: str) -> None:
    job.log(f"the folder {path} is left out: {reason}", "warning")


def _record(work: _Encoding, run: RunFolder, output: Path, statuses: Counter[str]) -> EncodingRecord:
    inference = work.job.settings.inference
    record = EncodingRecord(
        path=escape_name(str(output)), run=run.name, images=escape_name(str(work.root)),
        encoded=statuses["ok"], broken=statuses.total() - statuses["ok"],
        dimensions=math.prod(work.row_shape), dtype=inference.latent_dtype, pooling=inference.pooling,
    )  # fmt: skip
    try:
        with open_records(work.job.workspace.database) as records:
            record_encoding(records, record)
    except (FextError, sqlite3.Error) as error:
        work.job.log(f"the encoding could not be recorded in the database: {error}", "warning")
    return record
