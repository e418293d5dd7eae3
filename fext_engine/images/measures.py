"""The table of image measures: names, units and meaning, in the order of tables and reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Measure:
    """One number that is measured on every image."""

    name: str
    unit: str
    help: str
    direction: Literal["", "high", "low", "both"] = ""
    """Which end is worth a look: `high` or `low` values, `both`, or neither."""
    skewed: bool = False
    """Spread over orders of magnitude: shown and compared in logarithms."""


CHANNELS = ("red", "green", "blue")


def _channel_measures() -> Iterator[Measure]:
    for name, help_text in (
        ("mean", "mean of the {} channel"),
        ("median", "median of the {} channel"),
        ("std", "standard deviation of the {} channel"),
        ("minimum", "smallest value of the {} channel"),
        ("maximum", "largest value of the {} channel"),
        ("range", "largest minus smallest value of the {} channel"),
    ):
        for channel in CHANNELS:
            yield Measure(f"{channel}_{name}", "0-255", help_text.format(channel))


MEASURES: tuple[Measure, ...] = (
    Measure("mean", "0-255", "mean grey value", "both"),
    Measure("median", "0-255", "median grey value", "both"),
    Measure("std", "0-255", "standard deviation of the grey values (contrast)", "low"),
    Measure("minimum", "0-255", "darkest grey value", "high"),
    Measure("maximum", "0-255", "brightest grey value", "low"),
    Measure("range", "0-255", "brightest minus darkest grey value", "low"),
    *_channel_measures(),
    Measure("noise_std", "0-255", "std of grey minus its 3x3 Gaussian", "high", skewed=True),
    Measure("noise_ratio", "share", "noise_std / std", "high"),
    Measure("dark_share", "share", "pixels darker than 10", "high"),
    Measure("bright_share", "share", "pixels brighter than 245", "high"),
    Measure("entropy", "bits", "Shannon entropy of the 256 grey values", "low"),
    Measure("laplacian_variance", "", "variance of the 3x3 Laplacian (sharpness)", "low", skewed=True),
    Measure("tenengrad", "", "mean squared 3x3 Sobel gradient (sharpness)", "low", skewed=True),
    Measure(
        "high_frequency_share", "share", "Fourier magnitude beyond a quarter of the largest radius", "low"
    ),
    Measure("colourfulness", "", "Hasler and Suesstrunk's colourfulness; 0 is grey", "both"),
    Measure("saturation_mean", "share", "mean HSV saturation", "both"),
    Measure("low_saturation_share", "share", "pixels of HSV saturation below 0.1", "high"),
    Measure("high_saturation_share", "share", "pixels of HSV saturation above 0.9", "high"),
    Measure("edge_density", "share", "edge pixels (Canny at 0.67 and 1.33 times the median)", "both"),
    Measure("gradient_mean", "", "mean 3x3 Sobel gradient", "low", skewed=True),
    Measure(
        "lbp_energy", "share", "sum of squares of the local binary patterns' histogram (uniformity)", "high"
    ),
    Measure("lbp_entropy", "bits", "Shannon entropy of the local binary patterns' histogram", "low"),
)

MEASURE_NAMES = tuple(measure.name for measure in MEASURES)
MEASURES_BY_NAME = {measure.name: measure for measure in MEASURES}
