"""Normal pictures of two products, a fabric and a plate with four bolts, and what can go wrong with a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fext_engine.images.decode import decode_resized

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Generator = np.random.Generator
SIDE = 96
BOLTS = ((26, 26), (26, 70), (70, 26), (70, 70))


def fabric(rng: Generator) -> Pixels:
    """Two crossing threads of random phase, slightly turned, under an uneven light."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    turn, period = rng.normal(0, 0.04), rng.normal(12, 0.3)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    warp = np.sin(2 * np.pi * along / period + rng.uniform(0, 6.3))
    weft = np.sin(2 * np.pi * across / period + rng.uniform(0, 6.3))
    share = (0.5 + 0.25 * warp + 0.25 * np.sign(warp) * weft)[..., None]
    picture = np.array((70, 90, 140)) * (1 - share) + np.array((190, 180, 150)) * share
    return finish(picture, rng)


def plate(rng: Generator) -> Pixels:
    """A round plate with four bolts at nearly the same place in every picture."""
    picture = np.full((SIDE, SIDE, 3), (55.0, 60, 66))
    dx, dy = rng.normal(0, 0.8, 2)
    centre = (round((48 + dx) * 16), round((48 + dy) * 16))
    cv2.circle(picture, centre, 41 * 16, (168, 160, 140), -1, cv2.LINE_AA, 4)
    cv2.circle(picture, centre, round(rng.normal(13, 0.3) * 16), (92, 86, 80), -1, cv2.LINE_AA, 4)
    for row, column in BOLTS:
        place = (round((column + dx) * 16), round((row + dy) * 16))
        cv2.circle(picture, place, 6 * 16, (205, 205, 215), -1, cv2.LINE_AA, 4)
        cv2.circle(picture, place, 3 * 16, (60, 60, 70), -1, cv2.LINE_AA, 4)
    return finish(picture, rng)


def finish(picture: NDArray[np.float64], rng: Generator) -> Pixels:
    """Add an uneven light and the grain of a camera."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    light = 1 + rng.normal(0, 0.03) + rng.normal(0, 0.05) * x + rng.normal(0, 0.05) * y
    grain = rng.normal(0, 3, (SIDE, SIDE, 1))
    return np.clip(picture * light[..., None] + grain, 0, 255).astype(np.uint8)


def scratch(picture: Pixels, rng: Generator) -> tuple[Pixels, Mask]:
    """A bright line of two pixels."""
    h, w = picture.shape[:2]
    mask = np.zeros((h, w), np.uint8)
    start, angle, length = rng.uniform(0.25, 0.75, 2) * (w, h), rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.5) * w
    end = start + length * np.array([np.cos(angle), np.sin(angle)])
    cv2.line(mask, tuple(map(int, start)), tuple(map(int, end)), 1, max(1, w // 48))
    out = picture.copy()
    out[mask > 0] = np.clip(out[mask > 0] * 0.3 + 165, 0, 255)
    return out, mask > 0


def blob(picture: Pixels, rng: Generator) -> tuple[Pixels, Mask]:
    """A dark spot with a soft edge."""
    h, w = picture.shape[:2]
    (cx, cy), radius = rng.uniform(0.3, 0.7, 2) * (w, h), rng.uniform(0.05, 0.09) * w
    y, x = np.mgrid[:h, :w]
    weight = np.clip((radius - np.hypot(x - cx, y - cy)) / 2 + 0.5, 0, 1)[..., None]
    return (picture * (1 - 0.65 * weight)).astype(np.uint8), weight[..., 0] > 0.5


def missing(picture: Pixels, rng: Generator) -> tuple[Pixels, Mask]:
    """A part that is not there: a square as smooth as the ground beside it. Of a plate, one bolt."""
    h, w = picture.shape[:2]
    row, column = BOLTS[rng.integers(4)]
    size = w * 8 // SIDE
    y, x = row * h // SIDE, column * w // SIDE
    box = (slice(y - size, y + size), slice(x - size, x + size))
    edge = np.concatenate([picture[y - size - 2 : y - size, box[1]].reshape(-1, 3), picture[box[0], x + size : x + size + 2].reshape(-1, 3)])
    out, mask = picture.copy(), np.zeros((h, w), bool)
    grain = rng.normal(0, 3, (2 * size, 2 * size, 1))
    out[box] = np.clip(edge.mean(0) + grain, 0, 255)
    mask[box] = True
    return out, mask


def colour(picture: Pixels, rng: Generator) -> tuple[Pixels, None]:
    """The whole picture 12 degrees of hue further."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + rng.choice([-6, 6])) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), None


def blur(picture: Pixels, rng: Generator) -> tuple[Pixels, None]:
    """Out of focus."""
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(1.0, 1.6) * picture.shape[1] / SIDE), None


def noise(picture: Pixels, rng: Generator) -> tuple[Pixels, None]:
    """Grain of 12 grey values."""
    return np.clip(picture + rng.normal(0, 12, picture.shape), 0, 255).astype(np.uint8), None


PRODUCTS: dict[str, Callable[[Generator], Pixels]] = {"fabric": fabric, "plate": plate}
DEFECTS: dict[str, Callable[[Pixels, Generator], tuple[Pixels, Mask | None]]] = {
    "scratch": scratch, "blob": blob, "missing": missing, "colour": colour, "blur": blur, "noise": noise,
}  # fmt: skip


def save(path: Path, pixels: NDArray) -> None:
    """Write a PNG, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def inverted(picture: Pixels, rng: Generator) -> tuple[Pixels, None]:
    """A negative."""
    return 255 - picture, None


def cut_off(picture: Pixels, rng: Generator) -> tuple[Pixels, Mask]:
    """The lower part grey, as careless decoders leave a file that breaks off."""
    out, mask = picture.copy(), np.zeros(picture.shape[:2], bool)
    mask[int(rng.uniform(0.4, 0.7) * len(out)) :] = True
    out[mask] = 128
    return out, mask


def static(picture: Pixels, rng: Generator) -> tuple[Pixels, None]:
    """Grain of 50 grey values."""
    return np.clip(picture + rng.normal(0, 50, picture.shape), 0, 255).astype(np.uint8), None


def far_blur(picture: Pixels, rng: Generator) -> tuple[Pixels, None]:
    """Nothing but large shapes."""
    return cv2.GaussianBlur(picture, (0, 0), 4 * picture.shape[1] / SIDE), None


def drawing(picture: Pixels, rng: Generator) -> tuple[Pixels, None]:
    """No photograph at all, but the fabric."""
    return fabric(rng), None


GROSS: dict[str, Callable[[Pixels, Generator], tuple[Pixels, Mask | None]]] = {
    "inverted": inverted, "cut_off": cut_off, "static": static, "far_blur": far_blur, "drawing": drawing,
}  # fmt: skip


def make_product(root: Path, name: str, train: int, good: int, each: int) -> Path:
    """Write pictures of a product in MVTec AD's layout, and `each` with every one of DEFECTS."""
    draw, rng = PRODUCTS[name], np.random.default_rng(0)
    pictures = [draw(rng) for _ in range(train + good)]
    spoiled = {kind: [draw(rng) for _ in range(each)] for kind in DEFECTS}
    return write_layout(root, pictures[:train], pictures[train:], spoiled)


def make_photos(root: Path, photos: Path, train: int) -> Path:
    """Write real photographs in the same layout: `train`, the others, and copies of these with every fault."""
    files, rng = sorted(photos.iterdir()), np.random.default_rng(0)
    rng.shuffle(files)
    pictures = [decode_resized(file, SIDE, SIDE) for file in files]
    return write_layout(root, pictures[:train], pictures[train:], dict.fromkeys((*DEFECTS, *GROSS), pictures[train:]))


def write_layout(root: Path, train: list[Pixels], good: list[Pixels], spoiled: dict[str, list[Pixels]]) -> Path:
    """Write `train/good`, `test/good`, and `test/<defect>` and `ground_truth/<defect>` of what is to be spoiled."""
    rng = np.random.default_rng(1)
    for side, pictures in (("train", train), ("test", good)):
        for i, pixels in enumerate(pictures):
            save(root / side / "good" / f"{i:03d}.png", pixels)
    for kind, pictures in spoiled.items():
        for i, sound in enumerate(pictures):
            pixels, mask = (DEFECTS | GROSS)[kind](sound, rng)
            save(root / "test" / kind / f"{i:03d}.png", pixels)
            if mask is not None:
                save(root / "ground_truth" / kind / f"{i:03d}_mask.png", mask.astype(np.uint8) * 255)
    return root
