"""The PCA of a folder: its projection, fitted on the latent maps of a bounded sample of the images."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace

import numpy as np

from fext_engine.errors import JobStopped
from fext_engine.jobs.job import Job
from fext_engine.latents.known import Task
from fext_engine.latents.listing import Listing
from fext_engine.latents.pipeline import Pipeline
from fext_engine.latents.projection import SEED, Projection, fit, sample_size


def fit_projection(job: Job, pipeline: Pipeline, listing: Listing) -> Projection:
    """Fit `inference.pca_components` components on images of the listing, chosen at random by a fixed seed.

    The sample has at most 2,048 images, fewer where the maps are large: see `sample_size`. Files that cannot
    be decoded are left out. Raises FextError when there are too few images, JobStopped on request.
    """
    encoder = replace(pipeline.encoder, pooling="flatten", dtype=np.dtype(np.float32), projection=None)
    values = math.prod(encoder.row_shape)
    size = min(listing.count, sample_size(values))
    chosen = set(np.random.default_rng(SEED).choice(listing.count, size, replace=False).tolist())
    tasks = (Task(file) for number, file in enumerate(listing) if number in chosen)
    sample, rows, done = np.empty((size, values), np.float32), 0, 0
    with closing(replace(pipeline, encoder=encoder, known=None).run(tasks)) as steps:
        for step in steps:
            found = step.rows()
            sample[rows : rows + len(found)] = found
            rows, done = rows + len(found), done + len(step.items)
            job.progress("fitting the PCA", done, size)
            if job.stop_requested:
                raise JobStopped("stopped before the PCA was fitted", "encode again")
    return fit(sample[:rows], job.settings.inference.pca_components)
