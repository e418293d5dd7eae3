"""The measures as eight programs would take them: from the definitions, each group with its own decode."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image


def decode(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def decode_grey(path: str) -> np.ndarray:
    return cv2.cvtColor(decode(path), cv2.COLOR_RGB2GRAY)


def location_and_spread(path: str) -> list[float]:
    pixels = decode(path)
    planes = [cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), *(pixels[:, :, i] for i in range(3))]
    return [float(f(p)) for p in planes for f in (np.mean, np.median, np.std, np.min, np.max, np.ptp)]


def noise(path: str) -> list[float]:
    grey = decode_grey(path).astype(np.float64)
    difference = (grey - cv2.GaussianBlur(grey, (3, 3), 0)).std()
    return [difference, difference / grey.std()]


def exposure(path: str) -> list[float]:
    grey = decode_grey(path)
    return [float(np.mean(grey < 10)), float(np.mean(grey > 245))]


def entropy(path: str) -> list[float]:
    counts = np.bincount(decode_grey(path).ravel(), minlength=256)
    return [shannon(counts)]


def shannon(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def sharpness(path: str) -> list[float]:
    grey = decode_grey(path).astype(np.float64)
    gx, gy = cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1)
    magnitude = np.abs(np.fft.fftshift(np.fft.fft2(grey)))
    rows, columns = np.ogrid[: grey.shape[0], : grey.shape[1]]
    radius = np.hypot(rows - grey.shape[0] // 2, columns - grey.shape[1] // 2)
    high = magnitude[radius > 0.25 * radius.max()].sum() / magnitude.sum()
    return [float(cv2.Laplacian(grey, cv2.CV_64F).var()), float((gx**2 + gy**2).mean()), float(high)]


def colour(path: str) -> list[float]:
    pixels = decode(path)
    red, green, blue = (pixels[:, :, i].astype(np.float64) for i in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    saturation = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[:, :, 1] / 255
    return [
        float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())),
        float(saturation.mean()), float((saturation < 0.1).mean()), float((saturation > 0.9).mean()),
    ]  # fmt: skip


def edges(path: str) -> list[float]:
    grey = decode_grey(path)
    middle = float(np.median(grey))
    found = cv2.Canny(grey, 0.67 * middle, 1.33 * middle)
    gx, gy = cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1)
    return [float((found > 0).mean()), float(np.hypot(gx, gy).mean())]


def texture(path: str) -> list[float]:
    grey = decode_grey(path)
    centre = grey[1:-1, 1:-1]
    codes = np.zeros(centre.shape, np.uint8)
    around = [(0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1)]
    height, width = grey.shape
    for bit, (down, right) in enumerate(around):
        neighbour = grey[1 + down : height - 1 + down, 1 + right : width - 1 + right]
        codes |= (neighbour >= centre).astype(np.uint8) << bit
    counts = np.bincount(codes.ravel(), minlength=256)
    return [float(((counts / counts.sum()) ** 2).sum()), shannon(counts)]


GROUPS: tuple[Callable[[str], list[float]], ...] = (
    location_and_spread, noise, exposure, entropy, sharpness, colour, edges, texture,
)  # fmt: skip
"""Eight groups of measures; none gives digest or perceptual hash."""
