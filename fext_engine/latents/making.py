"""Making an encoding in its unfinished folder, from where an earlier start left it, and putting it in its place."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fext_engine.errors import FextError, JobStopped, room_to_write
from fext_engine.jobs.job import Job
from fext_engine.latents.changes import compare
from fext_engine.latents.encoder import ImageEncoder
from fext_engine.latents.encoding import FileRow
from fext_engine.latents.known import Known, Task
from fext_engine.latents.listing import Listing
from fext_engine.latents.manifest import Checkpoint, Counts, Manifest, now, read_manifest
from fext_engine.latents.pipeline import Pipeline, Step
from fext_engine.latents.place import put_in_place
from fext_engine.latents.plan import Plan
from fext_engine.latents.pooling import LAYOUTS
from fext_engine.latents.projection import PCA, load, projection_digest
from fext_engine.latents.recipe import Recipe
from fext_engine.latents.sample import fit_projection
from fext_engine.latents.unfinished import SCRATCH, Unfinished, claimed, discard_if_empty
from fext_engine.paths import escape_name
from fext_engine.training.reading import in_order
from fext_engine.workspace import atomic_file

_NAMED = 100  # broken files that the log names
_BEHIND = 2  # steps that may wait to be written


def make(
    job: Job, plan: Plan, recipe: Recipe, listing: Listing, pipeline: Pipeline
) -> tuple[Manifest, dict[str, int]]:
    """Carry out a plan that has work; return the manifest, and of an update the numbers of files that changed.

    Raises JobStopped on request and FextError when the disk is full, with what is done kept for the next start.
    """
    assert plan.work is not None
    making = _Making(job, plan, plan.work, recipe, listing, pipeline)
    try:
        with claimed(plan.work):
            try:
                manifest = making.fill()
            except BaseException:
                discard_if_empty(plan.work)
                raise
        changes = asdict(compare(plan.output, plan.work)) if plan.update else {}
        put_in_place(plan.work, plan.output, replace=plan.update)
    except OSError as error:
        place = escape_name(str(error.filename or plan.work))
        raise FextError(
            f"cannot write {place}: {error.strerror or error}",
            f"{room_to_write(error)}; then give the same command: it goes on where it was",
        ) from error
    return manifest, changes


@dataclass(frozen=True)
class _Making:
    """An encoding that is made in the folder `work`."""

    job: Job
    plan: Plan
    work: Path
    recipe: Recipe
    listing: Listing
    pipeline: Pipeline

    def fill(self) -> Manifest:
        """Write what is missing in the folder."""
        with ExitStack() as stack:
            pipeline = self.pipeline
            if self.plan.update:
                known = Known(self.plan.output, self.work / SCRATCH)
                pipeline = replace(pipeline, known=stack.enter_context(closing(known)))
            if self.recipe.components:
                pipeline = self._with_projection(pipeline)
            encoder = pipeline.encoder
            unfinished = Unfinished(
                self.work, self.listing, encoder.row_shape, encoder.dtype, pipeline.step_files
            )
            stack.enter_context(closing(unfinished))
            self._encode(pipeline, unfinished)
            return unfinished.finish(lambda statuses: self._manifest(encoder, statuses))

    def _with_projection(self, pipeline: Pipeline) -> Pipeline:
        """Take the PCA that is there, that of the encoding which is brought up to date, or fit one."""
        if self.plan.update:
            with (self.plan.output / PCA).open("rb") as source, atomic_file(self.work / PCA) as file:
                shutil.copyfileobj(source, file)
        elif not (self.work / PCA).exists():
            fit_projection(self.job, pipeline, self.listing).save(self.work)
        return replace(pipeline, encoder=replace(pipeline.encoder, projection=load(self.work)))

    def _encode(self, pipeline: Pipeline, unfinished: Unfinished) -> None:
        """Encode what is missing; a thread writes the rows, so that the encoder never waits for the disk."""
        job, total, broken = self.job, self.listing.count, 0
        if unfinished.files:
            job.log(f"goes on behind {unfinished.files} of {total} images, which were done before")
        old = pipeline.known.latents if pipeline.known else None

        def write(step: Step) -> list[FileRow]:
            rows, lines = step.table(old)
            unfinished.write(rows, lines)
            return lines

        files = self.listing.after(unfinished.files)
        tasks = pipeline.known.tasks(files) if pipeline.known else map(Task, files)
        done = unfinished.files
        with closing(pipeline.run(tasks)) as steps, closing(in_order(write, steps, 1, _BEHIND)) as written:
            for lines in written:
                for line in lines:
                    broken += line.status != "ok"
                    if line.status != "ok" and broken <= _NAMED:
                        job.log(f"{line.path} has no vector: {line.status}, {line.reason}", "warning")
                done += len(lines)
                job.progress("encoding", done, total)
                if job.stop_requested:
                    break
        if broken > _NAMED:
            job.log(f"{broken - _NAMED} more have no vector; rows.csv will name them all", "warning")
        if unfinished.files < total:
            unfinished.sync()
            raise JobStopped(
                f"stopped after {unfinished.files} of {total} images, which are kept",
                "the same command goes on from there",
            )

    def _manifest(self, encoder: ImageEncoder, statuses: Counter[str]) -> Manifest:
        loaded, recipe = encoder.loaded, self.recipe
        projection = None
        if encoder.projection is not None:
            projection = encoder.projection.info(projection_digest(self.work))
        document = Manifest(
            run=recipe.run,
            model=loaded.model.name,
            checkpoint=Checkpoint(epoch=loaded.epoch, digest=recipe.checkpoint),
            images=recipe.images,
            latent_shape=loaded.model.latent_shape,
            row_shape=encoder.row_shape,
            layout=LAYOUTS[recipe.pooling],
            dtype=recipe.dtype,
            pooling=recipe.pooling,
            preprocessing=recipe.preprocessing,
            projection=projection,
            counts=Counts.of(statuses),
        )
        if not self.plan.update:
            return document
        created = read_manifest(self.plan.output).created
        return document.model_copy(update={"created": created, "updated": now()})
