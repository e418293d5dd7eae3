"""Pictures of the sample dataset: five classes of drawn images that an autoencoder can learn."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]
Generator = np.random.Generator


def draw_sunset(rng: Generator, height: int, width: int) -> Pixels:
    """A sky that shades into another colour, a sun, and layers of hills."""
    hue = rng.uniform(0.55, 0.75)
    top, horizon = _colour(hue, 0.6, rng.uniform(0.25, 0.6)), _colour(rng.uniform(0, 0.12), 0.7, 1.0)
    share = np.linspace(0, 1, height)[:, None, None]
    picture = np.broadcast_to(
        np.array(top) * (1 - share) + np.array(horizon) * share, (height, width, 3)
    ).copy()
    sun = (int(rng.uniform(0.2, 0.8) * width), int(rng.uniform(0.25, 0.6) * height))
    cv2.circle(picture, sun, int(rng.uniform(0.06, 0.14) * height), (255, 240, 190), -1, cv2.LINE_AA)
    for layer in range(3):
        base = (0.55 + 0.15 * layer) * height
        x = np.arange(width)
        hills = np.full(width, base)
        for _ in range(3):
            wave = np.sin(x / width * np.pi * rng.uniform(1, 6) + rng.uniform(0, 6))
            hills += rng.uniform(0.02, 0.06) * height * wave
        shade = np.array(_colour(hue, 0.45, 0.5 - 0.14 * layer))
        picture[np.arange(height)[:, None] > hills[None, :]] = shade
    return _finish(picture, rng)


def draw_shapes(rng: Generator, height: int, width: int) -> Pixels:
    """Plain discs, boxes and triangles on a plain ground."""
    hue = rng.uniform()
    picture = np.full((height, width, 3), _colour(hue, 0.25, 0.92))
    side = min(height, width)
    for i in range(int(rng.integers(3, 7))):
        colour = _colour(hue + 0.17 * (i + 1), 0.75, rng.uniform(0.6, 0.95))
        centre = rng.uniform(0.1, 0.9, 2) * (width, height)
        radius = rng.uniform(0.1, 0.25) * side
        corners = {0: 0, 1: 4, 2: 3}[int(rng.integers(3))]
        if not corners:
            cv2.circle(picture, tuple(map(int, centre)), int(radius), colour, -1, cv2.LINE_AA)
            continue
        turns = rng.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
        points = centre + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        cv2.fillPoly(picture, [points.astype(np.int32)], colour, cv2.LINE_AA)
    return _finish(picture, rng)


def draw_stripes(rng: Generator, height: int, width: int) -> Pixels:
    """Woven waves of two colours."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    turn = rng.uniform(0, np.pi)
    along = x * np.cos(turn) + y * np.sin(turn)
    across = -x * np.sin(turn) + y * np.cos(turn)
    wave = np.sin(
        along * 2 * np.pi / rng.uniform(14, 36) + np.sin(across * 2 * np.pi / 60) * rng.uniform(0, 2)
    )
    share = (0.5 + 0.5 * np.clip(wave * rng.uniform(1, 4), -1, 1))[:, :, None]
    hue = rng.uniform()
    dark, light = _colour(hue, 0.8, 0.45), _colour(hue + rng.uniform(0.3, 0.6), 0.5, 0.95)
    return _finish(np.array(dark) * share + np.array(light) * (1 - share), rng)


def draw_clouds(rng: Generator, height: int, width: int) -> Pixels:
    """Smooth random fields over several scales, like marble or clouds."""
    field = np.zeros((height, width))
    for octave in range(5):
        cells = 2 ** (octave + 1) + 1
        noise = rng.normal(size=(cells, cells))
        smooth = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.float64)
        field += smooth / 1.7**octave
    share = (1 / (1 + np.exp(-1.5 * field)))[:, :, None]
    hue = rng.uniform()
    low, high = _colour(hue, 0.7, 0.3), _colour(hue + 0.1, 0.3, 1.0)
    return _finish(np.array(low) * (1 - share) + np.array(high) * share, rng)


def draw_flowers(rng: Generator, height: int, width: int) -> Pixels:
    """Flowers of petals on a green field."""
    picture = np.full((height, width, 3), _colour(rng.uniform(0.25, 0.38), 0.6, rng.uniform(0.3, 0.5)))
    side = min(height, width)
    for _ in range(int(rng.integers(2, 6))):
        centre = rng.uniform(0.15, 0.85, 2) * (width, height)
        size = rng.uniform(0.10, 0.22) * side
        petals, turn = int(rng.integers(5, 10)), rng.uniform(0, 360)
        colour = _colour(rng.choice([0.95, 0.02, 0.14, 0.78, 0.6]), rng.uniform(0.4, 0.8), 0.98)
        for petal in range(petals):
            angle = turn + petal * 360 / petals
            way = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
            middle = tuple(map(int, centre + way * size * 0.7))
            cv2.ellipse(
                picture, middle, (int(size * 0.6), int(size * 0.3)), angle, 0, 360, colour, -1, cv2.LINE_AA
            )
        cv2.circle(picture, tuple(map(int, centre)), int(size * 0.3), (245, 205, 60), -1, cv2.LINE_AA)
    return _finish(picture, rng)


CLASSES: dict[str, Callable[[Generator, int, int], Pixels]] = {
    "clouds": draw_clouds,
    "flowers": draw_flowers,
    "shapes": draw_shapes,
    "stripes": draw_stripes,
    "sunsets": draw_sunset,
}


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return red * 255, green * 255, blue * 255


def _finish(picture: npt.NDArray[np.float64], rng: Generator) -> Pixels:
    """Add the grain of a camera and round to uint8 (H, W, 3)."""
    grain = rng.normal(0, 3, picture.shape[:2])[:, :, None]
    return np.clip(picture + grain, 0, 255).astype(np.uint8)
