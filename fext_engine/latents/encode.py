"""The verb `encode`: any folder of images to a table of latent vectors that maps into memory."""

from __future__ import annotations

import math
import sqlite3
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fext_engine.errors import FextError
from fext_engine.jobs.job import Job
from fext_engine.latents.encoder import ImageEncoder
from fext_engine.latents.listing import Listing, list_files
from fext_engine.latents.making import make
from fext_engine.latents.manifest import Manifest, Preprocessing, read_manifest
from fext_engine.latents.pipeline import Pipeline
from fext_engine.latents.plan import Plan, make_plan
from fext_engine.latents.recipe import Recipe
from fext_engine.latents.unfinished import remove_tools
from fext_engine.paths import escape_name
from fext_engine.records import with_records
from fext_engine.records.encodings import EncodingRecord, record_encoding
from fext_engine.training.device import choose_device
from fext_engine.training.reading import core_count, thread_count
from fext_engine.training.run_folder import RunFolder
from fext_engine.training.shared_model import load_shared_model


def encode(job: Job) -> dict[str, Any]:
    """Encode every image below a folder. Arguments: `run`; `input` and `output`, folders; `update`, a flag.

    The input is the workspace's inference folder and the output a new folder in it, unless they are given.
    The output appears whole or not at all, with the rows in the order of the scan. Files that cannot be
    decoded come after them, without a row number, with a status and a reason. Where the same was encoded
    already nothing is done; with `update` that encoding takes in what changed.
    """
    ranks = job.ranks
    run = RunFolder(ranks.by_leader(lambda: job.workspace.find_run(str(job.arguments["run"]))))
    job.belongs_to(run.name)
    root = _folder(job.arguments.get("input")) or job.workspace.inference
    output, update = _folder(job.arguments.get("output")), bool(job.arguments.get("update"))
    device = choose_device(job.settings.device, ranks)
    loaded = load_shared_model(run, device, ranks)
    inference = job.settings.inference
    encoder = ImageEncoder(loaded, device, inference.pooling, np.dtype(inference.latent_dtype))
    recipe = Recipe(
        run=run.name, checkpoint=f"sha256:{loaded.digest}", images=escape_name(str(root)),
        preprocessing=Preprocessing.of(loaded.settings.dataset), pooling=inference.pooling,
        components=inference.pca_components if inference.pooling == "pca" else 0, dtype=inference.latent_dtype,
    )  # fmt: skip
    with ExitStack() as stack:

        def prepare() -> tuple[Listing, Plan]:
            listing = stack.enter_context(list_files(root, job.folder, partial(_tell_folder, job)))
            if not listing.count:
                raise FextError(
                    f"there are no images in {escape_name(str(root))}", "put some there, or use --input DIR"
                )
            return listing, make_plan(job, recipe, listing, output, update)

        listing, plan = ranks.by_leader(prepare)
        if plan.work is None and ranks.leads:
            remove_tools(plan.output)  # of a job that was killed just after it had put that there
            job.log(f"{escape_name(plan.output.name)} is up to date: no file was added, changed or removed")
            return _summary(plan, read_manifest(plan.output), "up to date")
        made = make(job, plan, recipe, listing, _pipeline(job, root, encoder)) if plan.work else None
    if made is None:  # the process that leads does the rest
        return {}
    manifest, changes = made
    _record(job, plan.output, manifest)
    job.artifact(plan.output, "encoding")
    return _summary(plan, manifest, "updated" if plan.update else "new") | changes


def _pipeline(job: Job, root: Path, encoder: ImageEncoder) -> Pipeline:
    """The same steps of files on each process, as many as one process alone would take."""
    batch, workers = job.settings.inference.batch_size, job.settings.device.num_workers
    share = job.ranks.by_leader(
        lambda: max(1, batch // (core_count() if workers == "auto" else max(1, workers)))
    )
    return Pipeline(root, encoder, batch, share, thread_count(workers))


def _summary(plan: Plan, manifest: Manifest, outcome: str) -> dict[str, Any]:
    encoded = manifest.counts.encoded
    return {
        "outcome": outcome, "run": manifest.run, "encoding": escape_name(plan.output.name),
        "folder": escape_name(str(plan.output)), "encoded": encoded,
        "broken": manifest.counts.files - encoded, "shape": [encoded, *manifest.row_shape],
    }  # fmt: skip


def _folder(argument: object) -> Path | None:
    return Path(str(argument)).expanduser().absolute() if argument else None


def _tell_folder(job: Job, path: str, reason: str) -> None:
    job.log(f"the folder {path} is left out: {reason}", "warning")


def _record(job: Job, output: Path, manifest: Manifest) -> None:
    encoded = manifest.counts.encoded
    record = EncodingRecord(
        path=escape_name(str(output)), run=manifest.run, images=manifest.images,
        encoded=encoded, broken=manifest.counts.files - encoded,
        dimensions=math.prod(manifest.row_shape), dtype=manifest.dtype, pooling=manifest.pooling,
    )  # fmt: skip
    try:
        with_records(job.workspace.database, lambda records: record_encoding(records, record))
    except (FextError, sqlite3.Error) as error:
        job.log(f"the encoding could not be recorded in the database: {error}", "warning")
