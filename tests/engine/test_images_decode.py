"""Decoding: every kind of file that real folders hold comes out right, or with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hostile import HEIGHT, WIDTH, bomb_png, build_hostile_folder, deep_grey, encode, orientation, picture
from PIL import Image, ImageOps

from fext_engine.images.decode import MAX_PIXELS, decode_image, decode_resized, read_info
from fext_engine.images.faults import FAILURES, DecodeError
from fext_engine.images.scan import SUFFIXES, image_path

FORMATS = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    root = tmp_path_factory.mktemp("hostile")
    return root, build_hostile_folder(root)


def status_of(path: Path) -> str:
    try:
        decode_image(path)
    except DecodeError as error:
        assert error.reason.isprintable()
        return error.kind
    return "ok"


def test_every_hostile_file_has_its_status(hostile: tuple[Path, dict[str, str]]) -> None:
    root, expected = hostile
    assert {name: status_of(image_path(root, name)) for name in expected} == expected
    assert set(expected.values()) == {"ok", *FAILURES}


def test_resizing_agrees_with_decoding_about_every_file(hostile: tuple[Path, dict[str, str]]) -> None:
    root, expected = hostile
    for name, status in expected.items():
        path = image_path(root, name)
        if status == "ok":
            assert decode_resized(path, 20, 30).shape == (20, 30, 3)
            assert decode_resized(path, 20, 30, grayscale=True).shape == (20, 30, 1)
            info, image = read_info(path), decode_image(path)
            assert (info.width, info.height, info.mode, info.frames) == (
                image.width, image.height, image.mode, image.frames,
            )  # fmt: skip
        else:
            with pytest.raises(DecodeError) as caught:
                decode_resized(path, 20, 30)
            assert caught.value.kind == status


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("value", range(1, 9))
def test_exif_orientation_as_pillow_applies_it(tmp_path: Path, file_format: str, value: int) -> None:
    path = tmp_path / f"x.{file_format.lower()}"
    path.write_bytes(encode(picture(), file_format, exif=orientation(value)))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    decoded = decode_image(path)
    np.testing.assert_array_equal(decoded.pixels, expected)
    assert decoded.orientation == value
    assert (decoded.height, decoded.width) == expected.shape[:2]
    info = read_info(path)
    assert (info.width, info.height, info.orientation) == (decoded.width, decoded.height, value)
    # the reduced decode of a large JPEG is turned in the same way
    small = decode_resized(path, 12, 12)
    reference = np.asarray(Image.fromarray(expected).resize((12, 12), Image.Resampling.BILINEAR))
    assert np.abs(small.astype(int) - reference).mean() < 3


@pytest.mark.parametrize("value", [0, 9, 300])
def test_an_invalid_orientation_counts_as_upright(tmp_path: Path, value: int) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(encode(picture(), "JPEG", exif=orientation(value)))
    decoded = decode_image(path)
    assert decoded.orientation == 1
    assert decoded.pixels.shape == (HEIGHT, WIDTH, 3)


def test_cmyk_is_converted_and_recorded(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(encode(Image.fromarray(picture()).convert("CMYK"), "JPEG", quality=95))
    decoded = decode_image(path)
    assert decoded.mode == "CMYK"
    assert np.abs(decoded.pixels.astype(int) - picture()).mean() < 4


@pytest.mark.parametrize(
    ("name", "content", "mode"),
    [
        ("x.png", encode(deep_grey(), "PNG"), "I;16"),
        ("x.tif", encode(deep_grey(), "TIFF"), "I;16"),
        ("big_endian.tif", encode(Image.fromarray(deep_grey().astype(">u2")), "TIFF"), "I;16B"),
        ("int.tif", encode(deep_grey().astype(np.int32), "TIFF"), "I"),
        ("float.tif", encode((deep_grey() / 65535).astype(np.float32), "TIFF"), "F"),
        ("wide.tif", encode(deep_grey().astype(np.float32), "TIFF"), "F"),
    ],
)
def test_wide_grey_is_scaled_and_not_clipped(tmp_path: Path, name: str, content: bytes, mode: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    decoded = decode_image(path, grayscale=True)
    assert decoded.mode == mode
    assert decoded.bit_depth == (16 if mode.startswith("I;16") else 32)
    np.testing.assert_allclose(decoded.pixels, deep_grey() / 257, atol=0.51)
    assert round(decoded.pixels.mean()) == 108
    assert any("scaled" in note for note in decoded.notes)


def test_16_bit_colour_png_records_its_depth(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "x.png"
    cv2.imwrite(str(path), picture().astype(np.uint16)[:, :, ::-1] * 257)
    decoded = decode_image(path)
    assert decoded.bit_depth == 16
    assert np.abs(decoded.pixels.astype(int) - picture()).max() <= 1


def test_floats_that_are_not_numbers_do_not_spread(tmp_path: Path) -> None:
    values = (deep_grey() / 65535).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    path = tmp_path / "x.tif"
    path.write_bytes(encode(values, "TIFF"))
    assert decode_image(path, grayscale=True).pixels[0, :3].tolist() == [0, 0, 0]


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, : WIDTH // 2] = 0
    alpha[0, -1] = 128
    path = tmp_path / "x.png"
    path.write_bytes(encode(np.dstack([picture(), alpha]), "PNG"))
    decoded = decode_image(path)
    assert (decoded.pixels[:, : WIDTH // 2] == 255).all()
    np.testing.assert_array_equal(decoded.pixels[1:, WIDTH // 2 :], picture()[1:, WIDTH // 2 :])
    half = picture()[0, -1] * (128 / 255) + 255 * (127 / 255)
    np.testing.assert_allclose(decoded.pixels[0, -1], half, atol=1)
    assert decoded.alpha_share == pytest.approx((HEIGHT * (WIDTH // 2) + 1) / (HEIGHT * WIDTH))


def test_a_palette_gives_its_colours_and_its_transparency(tmp_path: Path) -> None:
    palette = Image.fromarray(picture()).quantize(16)
    path = tmp_path / "x.png"
    path.write_bytes(encode(palette, "PNG"))
    np.testing.assert_array_equal(decode_image(path).pixels, np.asarray(palette.convert("RGB")))
    assert decode_image(path).mode == "P"
    path.write_bytes(encode(palette, "PNG", transparency=3))
    transparent = np.asarray(palette) == 3
    decoded = decode_image(path)
    assert (decoded.pixels[transparent] == 255).all()
    assert decoded.alpha_share == pytest.approx(transparent.mean())


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, file_format: str) -> None:
    frames = [Image.fromarray(picture(i)) for i in range(3)]
    options = {"lossless": True} if file_format == "WEBP" else {}
    path = tmp_path / f"x.{file_format.lower()}"
    path.write_bytes(encode(frames[0], file_format, save_all=True, append_images=frames[1:], **options))
    decoded = decode_image(path)
    assert decoded.frames == 3
    assert np.abs(decoded.pixels.astype(int) - picture(0)).mean() < 8  # a GIF has 256 colours


def test_a_wrong_suffix_is_read_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(encode(picture(), "PNG"))
    decoded = decode_image(path)
    assert decoded.format == "PNG"
    assert decoded.notes == ("PNG content in a file named .jpg",)


def test_a_bomb_is_refused_by_its_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    side = int(MAX_PIXELS**0.5) + 2
    path.write_bytes(bomb_png(side, side))
    for read in (decode_image, read_info):
        with pytest.raises(DecodeError) as caught:
            read(path)
        assert caught.value.kind == "bomb"


@pytest.mark.filterwarnings("ignore::UserWarning")  # pytest undoes the filter that decode.py sets
@pytest.mark.parametrize("file_format", [*FORMATS, "GIF", "BMP"])
def test_no_cut_and_no_flipped_byte_escapes_as_another_exception(tmp_path: Path, file_format: str) -> None:
    whole = encode(picture(), file_format)
    path = tmp_path / f"x.{file_format.lower()}"
    rng = np.random.default_rng(0)
    for cut in rng.integers(1, len(whole), 40):
        path.write_bytes(whole[:cut])
        if status_of(path) == "ok":  # only trailing bytes were lost
            assert cut > len(whole) * 0.9 or file_format == "TIFF"
    for _ in range(60):
        changed = bytearray(whole)
        changed[int(rng.integers(0, len(whole)))] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        status_of(path)


def test_a_reduced_decode_stays_close_to_the_full_one(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(encode(picture(3, 600, 800), "JPEG", quality=92))
    with Image.open(path) as image:
        full = np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR)).astype(float)
    error = ((decode_resized(path, 64, 64) - full) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 38


def test_the_page_about_datasets_names_every_suffix_status_and_limit() -> None:
    page = (Path(__file__).parents[2] / "resources" / "docs" / "dataset.md").read_text(encoding="utf-8")
    words = page.replace("`", " ").replace("(", " ").replace(")", " ").split()
    assert set(words) >= SUFFIXES | FAILURES.keys()
    assert f"{MAX_PIXELS:,} pixels" in page


@pytest.mark.photos
def test_reduced_decodes_of_photographs_stay_close(photos: Path) -> None:
    ratios = []
    for path in sorted(photos.iterdir())[:40]:
        full = decode_image(path).pixels
        wanted = np.asarray(Image.fromarray(full).resize((64, 64), Image.Resampling.BILINEAR)).astype(float)
        error = max(1e-9, ((decode_resized(path, 64, 64) - wanted) ** 2).mean())
        ratios.append(10 * np.log10(255**2 / error))
    assert np.median(ratios) > 36
    assert min(ratios) > 28
