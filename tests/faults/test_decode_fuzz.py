"""Images that were damaged or made with intent: decoded, or refused with a kind and a printable reason."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from fuzzing import fuzz, mutated
from hostile import deep_grey, encode, orientation, picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fext_engine.images.decode import MAX_PIXELS, decode_image, decode_resized, read_info
from fext_engine.images.faults import FAILURES, DecodeError

# pytest undoes the filters that decode.py sets.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")

PHOTO = Image.fromarray(picture())
FRAMES = [Image.fromarray(picture(i)) for i in range(3)]
MOVING = {"save_all": True, "append_images": FRAMES[1:]}
ALPHA = np.dstack([picture(), np.tile(np.arange(72, dtype=np.uint8), (48, 1))])
WHOLE = {
    "jpeg": encode(PHOTO, "JPEG", exif=orientation(6), icc_profile=bytes(200)),
    "progressive": encode(PHOTO, "JPEG", progressive=True),
    "cmyk": encode(PHOTO.convert("CMYK"), "JPEG"),
    "png": encode(PHOTO, "PNG", exif=orientation(3)),
    "deep": encode(deep_grey(), "PNG"),
    "palette": encode(PHOTO.quantize(16), "PNG", transparency=0),
    "alpha": encode(ALPHA, "PNG"),
    "apng": encode(FRAMES[0], "PNG", **MOVING),
    "bmp": encode(PHOTO, "BMP"),
    "gif": encode(FRAMES[0], "GIF", **MOVING),
    "webp": encode(PHOTO, "WEBP"),
    "moving webp": encode(FRAMES[0], "WEBP", **MOVING),
    "avif": encode(PHOTO, "AVIF"),
    "tiff": encode(FRAMES[0], "TIFF", **MOVING),
    "turned tiff": encode(PHOTO, "TIFF", exif=orientation(6)),
    "big tiff": encode(PHOTO, "TIFF", big_tiff=True),
    "deep tiff": encode(deep_grey(), "TIFF"),
    "floats": encode((deep_grey() / 65535).astype(np.float32), "TIFF"),
    "lzw": encode(PHOTO, "TIFF", compression="tiff_lzw"),
    "jpeg in tiff": encode(PHOTO, "TIFF", compression="jpeg"),
    "bilevel": encode(PHOTO.convert("1"), "TIFF"),
}


@pytest.mark.parametrize("kind", WHOLE)
@fuzz(5)
@given(data=st.data())
def test_a_damaged_image_is_decoded_or_refused_with_its_kind(kind, data):
    content = data.draw(mutated(WHOLE[kind]))
    for read in (read_info, decode_image, _resized):
        try:
            found = read("x.png", data=content)
        except DecodeError as error:
            assert error.kind in FAILURES
            assert error.reason.isprintable()
            continue
        if read is _resized:
            assert found.shape == (8, 12, 1)
        else:
            assert 0 < found.width * found.height <= MAX_PIXELS
            assert 1 <= found.orientation <= 8


def _resized(path: str, data: bytes) -> np.ndarray:
    return decode_resized(path, 8, 12, grayscale=True, data=data)


@pytest.mark.parametrize("turned", [1, 6])
def test_a_tiff_that_promises_more_rows_than_it_has_strips_is_truncated(turned):
    """Pillow decodes it, gigabytes of black from some hundred bytes."""
    whole = encode(PHOTO, "TIFF", exif=orientation(turned))
    assert read_info("x.tif", data=whole).width == (48 if turned == 6 else 72)
    height = struct.pack("<HHI", 257, 4, 1)
    at = whole.find(height) + 8
    lie = whole[:at] + struct.pack("<I", 2_000_000) + whole[at + 4 :]
    for read in (read_info, decode_image, _resized):
        with pytest.raises(DecodeError) as caught:
            read("x.tif", data=lie)
        assert caught.value.kind == "truncated"


@pytest.mark.parametrize("big", [False, True])
def test_pages_of_a_tiff_are_counted_and_loops_end(big):
    whole = encode(FRAMES[0], "TIFF", big_tiff=big, **MOVING)
    assert read_info("x.tif", data=whole).frames == 3
    looped = bytearray(whole)
    width, last = (8, whole.rfind(bytes(8))) if big else (4, -1)
    first = int.from_bytes(whole[8:16] if big else whole[4:8], "little")
    count = int.from_bytes(whole[first : first + (8 if big else 2)], "little")
    link = first + (8 + 20 * count if big else 2 + 12 * count)
    assert last != 0
    looped[link : link + width] = first.to_bytes(width, "little")
    assert read_info("x.tif", data=bytes(looped)).frames == 1


@pytest.mark.parametrize("tag", [258, 262, 274, 277, 339])
def test_tags_of_a_tiff_of_any_type_and_count_raise_nothing_else(tag):
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: 8, 279: 64}
    for kind in range(18):
        for count in (0, 1, 3):
            entries = [struct.pack("<HHII", t, 3, 1, v) for t, v in sorted(tags.items()) if t < tag]
            entries.append(struct.pack("<HHII", tag, kind, count, 0x41424344))
            entries += [struct.pack("<HHII", t, 3, 1, v) for t, v in sorted(tags.items()) if t > tag]
            content = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(400)
            for read in (read_info, decode_image, _resized):
                try:
                    read("x.tif", data=content)
                except DecodeError as error:
                    assert error.reason.isprintable()
