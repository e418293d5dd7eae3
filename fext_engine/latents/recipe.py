"""What an encoding is made of: two of the same recipe over the same files are the same encoding."""

from __future__ import annotations

from fext_engine.latents.manifest import Manifest, Part, Preprocessing


class Recipe(Part):
    """All that decides what the rows are, besides the files themselves."""

    run: str
    checkpoint: str
    """The digest of the weights, as the manifest has it."""
    images: str
    """The encoded folder, escaped."""
    preprocessing: Preprocessing
    pooling: str
    components: int
    """Of `pca`, else 0."""
    dtype: str

    @classmethod
    def of(cls, manifest: Manifest) -> Recipe:
        """That of a finished encoding."""
        return cls(
            run=manifest.run, checkpoint=manifest.checkpoint.digest, images=manifest.images,
            preprocessing=manifest.preprocessing, pooling=manifest.pooling,
            components=manifest.projection.components if manifest.projection else 0, dtype=manifest.dtype,
        )  # fmt: skip

    def difference(self, other: Recipe) -> str:
        """What differs, in words, such as `checkpoint and pooling`; empty where they are the same."""
        names = [name for name in Recipe.model_fields if getattr(self, name) != getattr(other, name)]
        return " and ".join(names)
