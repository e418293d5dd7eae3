"""Writes what the Viewer shows as PNG files at full size, in a worker thread; never over another file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fext_engine.errors import FextError, room_to_write
from fext_engine.paths import escape_name, unescape_name
from fext_tui.contact_tiles import Subject, Tile, read_tiles
from fext_tui.figure import Figure

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageDraw

    from fext_engine.workspace import Workspace

_LEAST_SIDE = 256  # smaller panels are enlarged by whole factors, each pixel a square
_MARGIN = 12
_TEXT = 14  # points
_PAPER, _INK = (255, 255, 255), (20, 20, 20)
_SHEET_TILE = (160, 160)  # pixels of a picture on an exported contact sheet
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def exports_folder(workspace: Workspace) -> Path:
    """Where exports go."""
    return workspace.validation / "exports"


def export_figure(figure: Figure, folder: Path, name: str) -> Path:
    """Write a figure as `<name>.png`: one panel as it is, several side by side with their words.

    Returns the path; raises FextError when the figure shows nothing or the folder cannot be written.
    """
    from PIL import Image

    if not figure.panels:
        raise FextError(f"{figure.caption} cannot be shown: {figure.info}", "choose another picture")
    images = [Image.fromarray(panel) for panel in figure.panels]
    picture = images[0] if len(images) == 1 else _side_by_side(images, figure)
    return _write_new(picture, folder, name)


def export_sheet(subjects: Sequence[Subject], columns: int, folder: Path, name: str) -> Path:
    """Write a page of a contact sheet as one PNG, each picture read anew; returns and raises as `export_figure`."""
    from PIL import Image, ImageDraw

    tiles = dict(read_tiles(subjects, _SHEET_TILE, None, lambda: False))
    across, down = _SHEET_TILE[0] + _MARGIN, _SHEET_TILE[1] + _TEXT + 2 * _MARGIN
    rows = -(-len(subjects) // columns)
    size = min(columns, len(subjects)) * across + _MARGIN, rows * down + _MARGIN
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, subject in enumerate(subjects):
        row, column = divmod(place, columns)
        corner = column * across + _MARGIN, row * down + _MARGIN
        _paste_tile(sheet, draw, corner, subject, tiles[subject.index])
    return _write_new(sheet, folder, name)


def _paste_tile(
    sheet: PIL.Image.Image,
    draw: PIL.ImageDraw.ImageDraw,
    corner: tuple[int, int],
    subject: Subject,
    tile: Tile,
) -> None:
    from PIL import Image

    x, y = corner
    width, height = _SHEET_TILE
    if tile.pixels is None:
        _say(draw, (x, y + height // 2), tile.word.replace("_", " "), width)
    else:
        image = Image.fromarray(tile.pixels)
        sheet.paste(image, (x + (width - image.width) // 2, y + (height - image.height) // 2))
    _say(draw, (x, y + height + 4), f"{subject.caption} {subject.name.rpartition('/')[2]}".lstrip(), width)


def _side_by_side(images: Sequence[PIL.Image.Image], figure: Figure) -> PIL.Image.Image:
    """Panels under their titles, and below them the caption and the line about the file."""
    from PIL import Image, ImageDraw

    panels = [_enlarged(image) for image in images]
    height = max(panel.height for panel in panels)
    width = sum(p.width + _MARGIN for p in panels) + _MARGIN
    line = _TEXT + _MARGIN // 2
    top = line + _MARGIN
    picture = Image.new("RGB", (width, top + height + 2 * line + 2 * _MARGIN), _PAPER)
    draw = ImageDraw.Draw(picture)
    x = _MARGIN
    for panel, title in zip(panels, figure.titles, strict=True):
        _say(draw, (x, _MARGIN // 2), title, panel.width)
        picture.paste(panel, (x, top))
        x += panel.width + _MARGIN
    below = top + height + _MARGIN // 2
    for number, words in enumerate((figure.caption, figure.info)):
        _say(draw, (_MARGIN, below + number * line), words, width - 2 * _MARGIN)
    return picture


def _enlarged(image: PIL.Image.Image) -> PIL.Image.Image:
    """A small picture by a whole factor, each pixel a square, its longer side 256 or more."""
    from PIL import Image

    factor = max(1, -(-_LEAST_SIDE // max(image.size)))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _say(draw: PIL.ImageDraw.ImageDraw, at: tuple[int, int], words: str, width: int) -> None:
    """Write words on one line, cut where the room ends."""
    from PIL import ImageFont

    font = ImageFont.load_default(_TEXT)
    if draw.textlength(words, font) > width:
        while words and draw.textlength(words + "...", font) > width:
            words = words[:-1]
        words += "..."
    draw.text(at, words, _INK, font)


def _write_new(picture: PIL.Image.Image, folder: Path, name: str) -> Path:
    """Write a PNG under a name that is free: claimed first, so that no other process takes it meanwhile."""
    from fext_engine.workspace import atomic_file

    stem = safe_name(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _claim(folder, stem)
        try:
            with atomic_file(path) as file:
                picture.save(file, format="PNG")
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FextError(
            f"cannot write into {escape_name(str(folder))}: {error.strerror or error}",
            room_to_write(error),
        ) from error
    return path


def _claim(folder: Path, stem: str) -> Path:
    number = 1
    while True:
        path = folder / (f"{stem}.png" if number == 1 else f"{stem}.{number}.png")
        try:
            path.open("xb").close()
        except FileExistsError:
            number += 1
        else:
            return path


def safe_name(name: str) -> str:
    """A file name that every system takes, made of a stored name: its folders joined, other characters as `_`."""
    return _UNSAFE.sub("_", unescape_name(name)).strip("._")[-100:] or "picture"
