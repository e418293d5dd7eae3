"""Every measure against an independent computation: scikit-image, SciPy, NumPy, or the formula by hand."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from hostile import picture
from PIL import Image
from scipy import ndimage
from skimage import color, filters, measure

from fext_engine.images import bands
from fext_engine.images.bands import local_binary_patterns
from fext_engine.images.decode import decode_image
from fext_engine.images.measures import MEASURE_NAMES, MEASURES
from fext_engine.images.sample_pictures import CLASSES
from fext_engine.images.spectrum import high_frequency_share, perceptual_hash
from fext_engine.images.statistics import measure_image


def generated_images() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(5)
    for draw in CLASSES.values():
        yield draw(rng, 60, 81)
    yield picture(1)
    yield rng.integers(0, 256, (33, 50, 3), np.uint8)
    yield rng.integers(0, 256, (50, 33, 3), np.uint8)


def measured(pixels: np.ndarray) -> dict[str, float]:
    values = measure_image(pixels).values
    assert np.isfinite(values).all()
    return dict(zip(MEASURE_NAMES, values.tolist(), strict=True))


def reference(pixels: np.ndarray) -> dict[str, float]:
    """The measures by other means, from the definitions in the documentation."""
    red, green, blue = (pixels[:, :, i].astype(float) for i in range(3))
    grey = np.asarray(Image.fromarray(pixels).convert("L")).astype(float)
    noise = grey - ndimage.convolve(grey, np.outer([1, 2, 1], [1, 2, 1]) / 16, mode="mirror")
    gx, gy = (ndimage.sobel(grey, axis=axis, mode="mirror") for axis in (1, 0))
    laplacian = ndimage.convolve(grey, [[0, 1, 0], [1, -4, 1], [0, 1, 0]], mode="mirror")
    rg, yb = red - green, (red + green) / 2 - blue
    saturation = color.rgb2hsv(pixels)[:, :, 1]
    lbp = hand_made_patterns(grey)
    shares = np.bincount(lbp.ravel(), minlength=256) / lbp.size
    return {
        "mean": grey.mean(), "median": np.median(grey), "std": grey.std(),
        "minimum": grey.min(), "maximum": grey.max(), "range": np.ptp(grey),
        **channel_reference("red", red), **channel_reference("green", green), **channel_reference("blue", blue),
        "noise_std": noise.std(), "noise_ratio": noise.std() / grey.std(),
        "dark_share": (grey < 10).mean(), "bright_share": (grey > 245).mean(),
        "entropy": measure.shannon_entropy(grey.astype(np.uint8)),
        "laplacian_variance": laplacian.var(),
        "tenengrad": (gx**2 + gy**2).mean(), "gradient_mean": np.hypot(gx, gy).mean(),
        "high_frequency_share": high_frequencies(grey),
        "colourfulness": np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()),
        "saturation_mean": saturation.mean(),
        "low_saturation_share": (saturation < 0.1).mean(), "high_saturation_share": (saturation > 0.9).mean(),
        "lbp_energy": (shares**2).sum(), "lbp_entropy": -(shares[shares > 0] @ np.log2(shares[shares > 0])),
    }  # fmt: skip


def channel_reference(name: str, values: np.ndarray) -> dict[str, float]:
    return {
        f"{name}_mean": values.mean(), f"{name}_median": np.median(values), f"{name}_std": values.std(),
        f"{name}_minimum": values.min(), f"{name}_maximum": values.max(), f"{name}_range": np.ptp(values),
    }  # fmt: skip


def hand_made_patterns(grey: np.ndarray) -> np.ndarray:
    codes = np.zeros((grey.shape[0] - 2, grey.shape[1] - 2), int)
    around = [(0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1)]
    for bit, (dy, dx) in enumerate(around):
        neighbour = np.roll(grey, (-dy, -dx), axis=(0, 1))[1:-1, 1:-1]
        codes += (neighbour >= grey[1:-1, 1:-1]) << bit
    return codes


def high_frequencies(grey: np.ndarray) -> float:
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(grey)))
    height, width = grey.shape
    y, x = np.ogrid[:height, :width]
    radius = np.hypot(y - height // 2, x - width // 2)
    return spectrum[radius > 0.25 * radius.max()].sum() / spectrum.sum()


def compare(pixels: np.ndarray, rtol: float = 1e-4) -> None:
    found, expected = measured(pixels), reference(pixels)
    # grey and saturation are rounded to whole steps by two programs: a step of difference here and there
    loose = {"saturation_mean": 4e-3, "low_saturation_share": 0.06, "high_saturation_share": 0.06}
    grey_differs = np.asarray(Image.fromarray(pixels).convert("L")) != _opencv_grey(pixels)
    if grey_differs.mean() > 0:
        rtol = max(rtol, 0.02)
    assert expected.keys() == set(MEASURE_NAMES) - {"edge_density"}  # which has its own tests
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=rtol, abs=loose.get(name, 2e-3)), name


def _opencv_grey(pixels: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("index", range(8))
def test_measures_agree_with_independent_ones(index: int) -> None:
    compare(list(generated_images())[index])


@pytest.mark.parametrize("index", range(8))
def test_measures_of_grey_images_agree_closely(index: int) -> None:
    """Grey in three equal channels is free of the rounding of colours, so this is exact."""
    grey = list(generated_images())[index][:, :, 1]
    found, expected = measured(np.dstack([grey] * 3)), reference(np.dstack([grey] * 3))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=2e-5, abs=1e-6), name


@pytest.mark.photos
def test_measures_of_photographs_agree(photos: Path) -> None:
    for path in sorted(photos.iterdir())[::20]:
        compare(decode_image(path).pixels)


def test_edge_density_against_another_canny() -> None:
    # Two implementations differ in smoothing and in the norm of the gradient, so the order must agree.
    rng = np.random.default_rng(0)
    images = [draw(rng, 96, 96) for draw in CLASSES.values() for _ in range(3)]
    ours, theirs = [], []
    for pixels in images:
        grey = _opencv_grey(pixels)
        middle = float(np.median(grey))
        # scikit-image's Sobel is a quarter of OpenCV's
        edges = _canny_without_smoothing(grey.astype(float), 0.67 * middle / 4, 1.33 * middle / 4)
        ours.append(measured(pixels)["edge_density"])
        theirs.append(edges.mean())
    assert np.corrcoef(np.argsort(np.argsort(ours)), np.argsort(np.argsort(theirs)))[0, 1] > 0.9


def _canny_without_smoothing(grey: np.ndarray, low: float, high: float) -> np.ndarray:
    gx, gy = filters.sobel_v(grey) * 1.0, filters.sobel_h(grey) * 1.0
    strength = np.abs(gx) + np.abs(gy)
    along = np.where(np.abs(gx) > np.abs(gy), 1, 0)
    before = np.where(along, np.roll(strength, 1, 1), np.roll(strength, 1, 0))
    after = np.where(along, np.roll(strength, -1, 1), np.roll(strength, -1, 0))
    thin = np.where((strength > before) & (strength >= after), strength, 0)
    return filters.apply_hysteresis_threshold(thin, low, high)


def test_a_black_square_on_white_has_the_edges_of_its_outline() -> None:
    pixels = np.full((64, 64, 3), 200, np.uint8)
    pixels[16:48, 16:48] = 20
    assert measured(pixels)["edge_density"] * 64 * 64 == pytest.approx(4 * 32, abs=12)


def test_histogram_counts_every_pixel() -> None:
    pixels = picture(3)
    histogram = measure_image(pixels).histogram
    assert histogram.shape == (3, 256)
    for channel in range(3):
        np.testing.assert_array_equal(
            histogram[channel], np.bincount(pixels[:, :, channel].ravel(), minlength=256)
        )


def test_perceptual_hash_is_the_published_one() -> None:
    grey = _opencv_grey(picture(4, 256, 256))
    small = grey.reshape(32, 8, 32, 8).mean(axis=(1, 3))
    low = scipy.fft.dctn(np.round(small), norm="ortho")[:8, :8]
    expected = "".join("1" if bit else "0" for bit in (low > np.median(low)).ravel())
    assert bin(perceptual_hash(grey) ^ int(expected, 2)).count("1") <= 2


def test_perceptual_hash_finds_copies_and_tells_others_apart() -> None:
    rng = np.random.default_rng(1)
    pictures = [draw(rng, 160, 160) for draw in CLASSES.values() for _ in range(6)]
    hashes = [perceptual_hash(_opencv_grey(p)) for p in pictures]
    for pixels, original in zip(pictures, hashes, strict=True):
        half = np.asarray(Image.fromarray(pixels).resize((80, 80), Image.Resampling.BOX))
        assert (perceptual_hash(_opencv_grey(half)) ^ original).bit_count() <= 8
    apart = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]
    assert np.median(apart) > 20


def test_local_binary_patterns_bit_by_bit() -> None:
    grey = np.array([[1, 2, 3], [8, 5, 4], [7, 6, 9]], np.uint8)
    #  left 8, lower left 7, below 6, lower right 9 are larger; right 4, upper right 3, above 2, upper left 1 are not
    assert local_binary_patterns(grey).tolist() == [[0b00001111]]


def test_bands_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for pixels in generated_images():
        whole = measure_image(pixels)
        for size in (1, 200, 999):  # a row at a time, some rows, many
            monkeypatch.setattr(bands, "BAND_PIXELS", size)
            banded = measure_image(pixels)
            np.testing.assert_allclose(banded.values, whole.values, rtol=1e-12)
            np.testing.assert_array_equal(banded.histogram, whole.histogram)
        monkeypatch.undo()


def test_measures_of_a_large_extreme_image_do_not_overflow() -> None:
    pixels = np.zeros((700, 900, 3), np.uint8)
    pixels[::2, ::2] = (255, 255, 0)
    pixels[1::2, 1::2] = (255, 0, 255)
    found, expected = measured(pixels), reference(pixels)
    for name, value in expected.items():
        tolerance = 2e-3 if "saturation" in name else 1e-5
        assert found[name] == pytest.approx(value, rel=tolerance, abs=2e-3), name


@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 6, 13, 32, 35])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 13, 32, 35])
def test_high_frequencies_of_every_small_size(height: int, width: int) -> None:
    grey = np.random.default_rng(height * 100 + width).integers(0, 256, (height, width), np.uint8)
    found = high_frequency_share(grey)
    assert found == pytest.approx(high_frequencies(grey), abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (2, 300), (3, 3), (97, 101)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_and_tiny_images_give_finite_numbers(shape: tuple[int, int], value: int) -> None:
    found = measured(np.full((*shape, 3), value, np.uint8))
    assert found["mean"] == value
    assert found["std"] == found["noise_std"] == found["entropy"] == found["colourfulness"] == 0
    assert found["lbp_energy"] == 1
    assert found["high_frequency_share"] == pytest.approx(0, abs=1e-3)


def test_saturation_of_pure_colours_by_the_standard_library() -> None:
    for colour in ((255, 0, 0), (200, 100, 100), (10, 10, 10), (0, 128, 255)):
        pixels = np.full((4, 4, 3), colour, np.uint8)
        expected = colorsys.rgb_to_hsv(*(c / 255 for c in colour))[1]
        assert measured(pixels)["saturation_mean"] == pytest.approx(expected, abs=0.004)


def test_the_table_of_measures_is_fit_for_columns() -> None:
    assert len(set(MEASURE_NAMES)) == len(MEASURES)
    assert all(name.isidentifier() and name == name.lower() for name in MEASURE_NAMES)
