"""What the Viewer shows of a row, made in a worker: a picture, or an original, its reconstruction and error map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.images.faults import DecodeError
from fext_engine.paths import escape_name
from fext_tui.widgets.text import format_bytes, format_figure

if TYPE_CHECKING:
    from fext_engine.evaluation.error_map import ErrorMap
    from fext_tui.reconstructions import Sample
    from fext_tui.widgets.half_blocks import Pixels

LONGEST_SIDE = 1600  # pixels kept of a picture: enough to zoom in, small enough to hold


@dataclass(frozen=True)
class Figure:
    """Pictures side by side with the words around them."""

    panels: tuple[Pixels, ...]
    """uint8 (H, W, 3) each; none where the file cannot be shown. Those of one size zoom and move as one."""
    caption: str
    info: str
    """A line about the file, or why it cannot be shown."""
    path: Path
    """The file it was made from."""
    titles: tuple[str, ...] = ()
    """What each of several panels is."""


Reader = Callable[[], Figure]


def read_picture(path: Path, longest: int | None = LONGEST_SIDE) -> Figure:
    """Decode a picture by the engine's one rule, reduced to `longest` pixels: what a terminal can use."""
    import numpy as np
    from PIL import Image

    from fext_engine.images.decode import decode_image, read_file

    name = escape_name(path.name)
    try:
        data = read_file(path)
        decoded = decode_image(path, data=data)
    except DecodeError as error:
        return Figure((), name, str(error), path)
    pixels = decoded.pixels
    if longest is not None and max(pixels.shape[:2]) > longest:
        image = Image.fromarray(pixels)
        image.thumbnail((longest, longest))
        pixels = np.asarray(image)
    about = (
        f"{decoded.width} x {decoded.height}",
        f"{decoded.format} {decoded.mode} {decoded.bit_depth} bit",
        format_bytes(len(data)),
        *decoded.notes,
    )
    return Figure((pixels,), name, "  ".join(about), path)


def read_sample(sample: Sample, place: int) -> Figure:
    """A sample's original, reconstruction and error map after the epoch at `place` of its run's pictures.

    A picture whose tiles are not known is shown whole.
    """
    path = sample.pictures[place]
    if sample.grid is None or sample.index is None:
        whole = read_picture(path)
        return Figure(whole.panels, f"{whole.caption}  {sample.run}", whole.info, path)
    from fext_engine.evaluation.error_map import error_map
    from fext_engine.training.sample_grid import read_pair

    caption = f"{sample.epoch(place)}  {sample.name.rpartition('/')[2]}"
    try:
        original, reconstruction = read_pair(path, sample.grid, sample.index)
    except (DecodeError, IndexError) as error:
        return Figure((), caption, str(error), path)
    errors = error_map(original, reconstruction)
    titles = ("original", "reconstruction", f"error 0 to {errors.top:g}")
    panels = (original, reconstruction, errors.pixels)
    caption = f"MAE {errors.mae:.4f}  PSNR {errors.psnr:.1f} dB  {caption}"
    size = f"{sample.run}  {sample.grid.width} x {sample.grid.height}"
    return Figure(panels, caption, f"{size}  {describe_errors(errors)}", path, titles)


def describe_errors(errors: ErrorMap) -> str:
    """The range of the map's colours and the largest error, in words; 1 is the difference of black and white."""
    largest = format_figure(round(errors.largest, 4))
    return f"error 0 (black) to {errors.top:g} (pale yellow), largest {largest}"
