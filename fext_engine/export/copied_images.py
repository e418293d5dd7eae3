"""Reading an image file, without the rest of FeXT: this module's source becomes a part of every export.

It is `decode_resized` of fext_engine.images.decode less its words about broken files. It may import nothing
of FeXT but modules that are copied beside it.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fext_engine.images.pixels import FORMATS, TURNED, bit_depth, flatten, orientation_of, upright


def load_pixels(path: str | os.PathLike[str], height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Read an image file as the model expects it: (1, height, width, channels), uint8, 0 to 255.

    The EXIF orientation is applied, transparent pixels lie on white, and the whole image is stretched to the
    size (Pillow's BILINEAR, which averages). Large JPEGs are reduced while they are decoded, to twice the size
    at least. `channels` is 3 for RGB or 1 for grey. Raises what Pillow raises for a file that is no whole image.
    """
    data = Path(path).read_bytes()
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    is_png = image.format == "PNG"
    # A PNG's may stand behind the pixels, and looking for it would load them; a TIFF forgets its own while it loads.
    orientation = 1 if is_png else orientation_of(image)
    if image.format in ("JPEG", "MPO"):
        upright_size = (2 * height, 2 * width) if orientation in TURNED else (2 * width, 2 * height)
        image.draft(image.mode, upright_size)
    depth = bit_depth(image, data[:32])
    image.load()
    if is_png:
        orientation = orientation_of(image)
    picture = flatten(image, depth).image
    if image.format != "TIFF":  # Pillow has turned a TIFF already
        picture = upright(picture, orientation)
    picture = picture.convert("L" if channels == 1 else "RGB")
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.array(resized).reshape(1, height, width, channels)
