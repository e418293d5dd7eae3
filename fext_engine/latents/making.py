"""Making an encoding in its unfinished folder, from where an earlier start left it, and putting it in its place."""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from fext_engine.errors import FextError, JobStopped, room_to_write
from fext_engine.jobs.job import Job
from fext_engine.latents.changes import compare
from fext_engine.latents.encoder import ImageEncoder
from fext_engine.latents.encoding import FileRow
from fext_engine.latents.known import Known, Task
from fext_engine.latents.listing import ListedFile, Listing
from fext_engine.latents.manifest import Checkpoint, Counts, Manifest, now, read_manifest
from fext_engine.latents.parts import cut, folder_of, remove_parts, there_are_parts
from fext_engine.latents.pipeline import Pipeline, Step
from fext_engine.latents.place import put_in_place
from fext_engine.latents.plan import Plan
from fext_engine.latents.pooling import LAYOUTS
from fext_engine.latents.projection import PCA, load, projection_digest
from fext_engine.latents.recipe import Recipe
from fext_engine.latents.sample import fit_projection
from fext_engine.latents.told import Told, goes_on
from fext_engine.latents.unfinished import SCRATCH, Unfinished, claimed, discard_if_empty, kept_in
from fext_engine.paths import escape_name
from fext_engine.training.reading import in_order
from fext_engine.workspace import atomic_file

_BEHIND = 2  # steps that may wait to be written


def make(
    job: Job, plan: Plan, recipe: Recipe, listing: Listing, pipeline: Pipeline
) -> tuple[Manifest, dict[str, int]] | None:
    """Carry out a plan that has work; return the manifest, and of an update the numbers of files that changed.

    Where several processes do it, each makes its part, and the one that leads joins them; the others return None.
    Raises JobStopped on request and FextError when the disk is full, with what is done kept for the next start.
    """
    assert plan.work is not None
    making = _Making(job, plan, plan.work, recipe, listing, pipeline)
    with ExitStack() as stack, _disk_faults_told(plan.work):
        job.ranks.by_leader(lambda: stack.enter_context(claimed(making.work)))
        try:
            manifest = making.fill()
        except BaseException:
            if job.ranks.leads:
                discard_if_empty(plan.work)
            raise
        if manifest is None:
            return None
        stack.close()
        changes = asdict(compare(plan.output, plan.work)) if plan.update else {}
        put_in_place(plan.work, plan.output, replace=plan.update)
    return manifest, changes


@contextmanager
def _disk_faults_told(work: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = escape_name(str(error.filename or work))
        raise FextError(
            f"cannot write {place}: {error.strerror or error}",
            f"{room_to_write(error)}; then give the same command: it goes on where it was",
        ) from error


@dataclass(frozen=True)
class _Making:
    """An encoding that is made in the folder `work`."""

    job: Job
    plan: Plan
    work: Path
    recipe: Recipe
    listing: Listing
    pipeline: Pipeline

    def fill(self) -> Manifest | None:
        """Write what is missing in the folder; None on a process that does not lead."""
        ranks = self.job.ranks
        with ExitStack() as stack:
            pipeline = self.pipeline
            if self.plan.update:
                scratch = (self.work if ranks.leads else self.job.folder) / SCRATCH
                known = stack.enter_context(closing(Known(self.plan.output, scratch)))
                pipeline = replace(pipeline, known=known)
            if self.recipe.components:
                ranks.by_leader(partial(self._provide_projection, pipeline))
                pipeline = replace(pipeline, encoder=replace(pipeline.encoder, projection=load(self.work)))
            whole = self._open(stack, self.work, self.listing, pipeline) if ranks.leads else None
            before, in_parts = ranks.by_leader(lambda: self._state(whole))
            if in_parts:
                parts = cut(self.listing, before, pipeline.step_files)
                self._encode_parts(pipeline, [parts[n] for n in ranks.share(len(parts))], before)
                if whole is not None:
                    self._join(parts, whole, pipeline.step_files)
            elif whole is not None:
                if before:
                    self.job.log(goes_on(before, self.listing.count))
                self._encode_alone(pipeline, whole)
            if whole is None:
                return None
            encoder = pipeline.encoder
            return whole.finish(lambda statuses: self._manifest(encoder, statuses))

    def _state(self, whole: Unfinished | None) -> tuple[int, bool]:
        """How many files are done, as the process that leads knows, and whether the rest is made in parts."""
        return whole.files if whole else 0, self.job.ranks.count > 1 or there_are_parts(self.work)

    def _provide_projection(self, pipeline: Pipeline) -> None:
        """Take the PCA that is there, that of the encoding which is brought up to date, or fit one."""
        if self.plan.update:
            with (self.plan.output / PCA).open("rb") as source, atomic_file(self.work / PCA) as file:
                shutil.copyfileobj(source, file)
        elif not (self.work / PCA).exists():
            fit_projection(self.job, pipeline, self.listing).save(self.work)

    def _open(self, stack: ExitStack, folder: Path, listing: Listing, pipeline: Pipeline) -> Unfinished:
        encoder = pipeline.encoder
        unfinished = Unfinished(folder, listing, encoder.row_shape, encoder.dtype, pipeline.step_files)
        return stack.enter_context(closing(unfinished))

    def _encode_alone(self, pipeline: Pipeline, whole: Unfinished) -> None:
        total, told = self.listing.count, Told(self.job, self.listing.count, whole.files)
        tasks = _tasks(pipeline, self.listing.after(whole.files))

        def tell(lines: list[FileRow]) -> None:
            told.faults(lines)
            told.progress(lines)

        self._encode(pipeline, whole, tasks, tell)
        told.more_faults()
        if whole.files < total:
            raise JobStopped(
                f"stopped after {whole.files} of {total} images, which are kept",
                "the same command goes on from there",
            )

    def _encode_parts(self, pipeline: Pipeline, parts: list[Listing], before: int) -> None:
        """Make this process's parts, each in a folder of its own; `before` are done already, of no part."""
        job, encoder = self.job, pipeline.encoder
        layout = (encoder.row_shape, encoder.dtype, pipeline.step_files)
        kept = sum(kept_in(folder_of(self.work, part), part, *layout).files for part in parts)
        if kept_by_all := sum(job.ranks.gather(kept)):
            job.log(goes_on(before + kept_by_all, self.listing.count))
        told = Told(job, self.listing.count, kept + (before if job.ranks.leads else 0))
        tasks = _tasks(pipeline, chain.from_iterable(parts))
        with job.shared(), _disk_faults_told(self.work):
            for part in parts:
                folder = folder_of(self.work, part)
                folder.mkdir(exist_ok=True)
                with ExitStack() as stack:
                    unfinished = self._open(stack, folder, part, pipeline)
                    missing = part.count - unfinished.files
                    deque(islice(tasks, unfinished.files), maxlen=0)  # are done: only their part needs them
                    self._encode(pipeline, unfinished, islice(tasks, missing), told.progress)
                    if unfinished.files < part.count:
                        raise JobStopped(
                            "stopped; what was encoded is kept", "the same command goes on from there"
                        )

    def _join(self, parts: list[Listing], whole: Unfinished, step: int) -> None:
        """Append the parts to the whole, one after the other, each of which goes then."""
        told = Told(self.job, self.listing.count, whole.files)
        for part in parts:
            folder = folder_of(self.work, part)
            for line in whole.take(folder, part, step):
                told.faults([line])
            shutil.rmtree(folder, ignore_errors=True)
            self.job.progress("joining", whole.files, self.listing.count)
            if self.job.stop_requested:
                raise JobStopped(
                    "stopped while the parts were joined; all is kept", "the same command goes on from there"
                )
        told.more_faults()
        remove_parts(self.work)

    def _encode(
        self,
        pipeline: Pipeline,
        unfinished: Unfinished,
        tasks: Iterable[Task],
        tell: Callable[[list[FileRow]], None],
    ) -> None:
        """Encode files until a stop; a thread writes the rows, so that the encoder never waits for the disk."""
        old = pipeline.known.latents if pipeline.known else None

        def write(step: Step) -> list[FileRow]:
            rows, lines = step.table(old)
            unfinished.write(rows, lines)
            return lines

        with closing(pipeline.run(tasks)) as steps, closing(in_order(write, steps, 1, _BEHIND)) as written:
            for lines in written:
                tell(lines)
                if self.job.stop_requested:
                    break
        unfinished.sync()

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


def _tasks(pipeline: Pipeline, files: Iterable[ListedFile]) -> Iterator[Task]:
    return pipeline.known.tasks(files) if pipeline.known else map(Task, files)
