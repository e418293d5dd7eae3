"""Reading one picture for the screen, in a worker thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    import numpy as np

LONGEST_SIDE = 1600  # pixels kept of a picture: enough to zoom in, small enough to hold


class PictureRead(Message):
    """A picture was read; `pixels` is None when it could not be, and `info` says why."""

    def __init__(self, path: Path, pixels: np.ndarray[Any, Any] | None, info: str) -> None:
        super().__init__()
        self.path = path
        self.pixels = pixels
        self.info = info


def read_picture(path: Path) -> tuple[np.ndarray[Any, Any] | None, str]:
    """Decode a picture by the engine's one rule, reduced to what a terminal can use.

    Returns uint8 pixels (H, W, 3) or (H, W) and a line about the file, or None and the reason.
    """
    from fext_engine.images.decode import decode_image
    from fext_engine.images.faults import DecodeError

    try:
        decoded = decode_image(path)
    except DecodeError as error:
        return None, str(error)
    from PIL import Image

    pixels = decoded.pixels
    if max(pixels.shape[:2]) > LONGEST_SIDE:
        import numpy as np

        image = Image.fromarray(pixels)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        pixels = np.asarray(image)
    size = f"{path.stat().st_size / 1024:,.0f} KiB"
    line = (
        f"{decoded.width} x {decoded.height}  {decoded.format} {decoded.mode} {decoded.bit_depth} bit  {size}"
    )
    return pixels, "  ".join([line, *decoded.notes])
