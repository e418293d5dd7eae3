"""Figures of a dataset report, as PNG files; drawn without a display."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fext_engine.images.figures.dataset import (
    draw_class_balance,
    draw_drift,
    draw_issues,
    draw_sizes,
)
from fext_engine.images.figures.measures import draw_class_boxes, draw_measures
from fext_engine.images.figures.pixels import draw_class_pixels, draw_mean_images, draw_pixel_distribution
from fext_engine.images.figures.sheet import Sheet
from fext_engine.images.inspection import Inspection


@dataclass(frozen=True, slots=True)
class DrawnFigure:
    """A figure on disk."""

    path: Path
    caption: str


def draw_report(folder: Path, inspection: Inspection) -> list[DrawnFigure]:
    """Draw every figure of a report into `folder`, in the order in which a report shows them."""
    classes = inspection.pixels.classes
    figures: list[tuple[str, str, Callable[[], Sheet]]] = [
        ("mean_images", "Mean images: what the images have in common at each place.",
         lambda: draw_mean_images(inspection.pixels)),
        ("pixel_distribution", "Pixel values per channel; clipped ends are told in words.",
         lambda: draw_pixel_distribution(inspection.pixels.whole)),
        ("sizes", "Width and height, aspect and file size.", lambda: draw_sizes(inspection.table)),
        ("class_balance", "Images of each class on either side of the split, and broken files.",
         lambda: draw_class_balance(inspection.classes, inspection.balance)),
        ("statistics", "Every measure, training against validation.", lambda: draw_measures(inspection.table)),
    ]  # fmt: skip
    if inspection.issues:
        figures.insert(0, ("health", "Images with each health issue; an image may have several.",
                           lambda: draw_issues(inspection.issues, inspection.table.total)))  # fmt: skip
    if inspection.drifts:
        figures.append(("drift", "How far training and validation images lie apart, measure by measure.",
                        lambda: draw_drift(inspection.drifts)))  # fmt: skip
    if len(classes) > 1:
        figures += [
            ("class_measures", "The main measures per class.",
             lambda: draw_class_boxes(inspection.class_distributions)),
            ("class_pixels", "Pixel values per channel and class.", lambda: draw_class_pixels(classes)),
        ]  # fmt: skip
    drawn = []
    for name, caption, draw in figures:
        drawn.append(DrawnFigure(folder / f"{name}.png", caption))
        draw().save(drawn[-1].path)
    return drawn
