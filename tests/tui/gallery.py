"""Shows the widgets on one screen each, to be looked at: gallery.py [picture|plot|rows|form|jobs|...]."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.widgets import Footer

from fext_tui.widgets.histogram import Histogram
from fext_tui.widgets.job_bar import JobBar, JobView
from fext_tui.widgets.log_pane import LogPane
from fext_tui.widgets.loss_plot import LossPlot
from fext_tui.widgets.path_input import PathInput
from fext_tui.widgets.picture import Picture
from fext_tui.widgets.row_list import Column, RowList
from fext_tui.widgets.settings_form import SettingsForm


def scene(height: int = 240, width: int = 320) -> np.ndarray:
    """A smooth, colourful picture with edges: uint8 (H, W, 3)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    sky = np.stack([90 + 100 * y / height, 140 + 60 * y / height, 230 - 40 * y / height], -1)
    hills = y > height * (0.6 + 0.1 * np.sin(x / width * 9))
    sky[hills] = np.stack([40 + 60 * x / width, 110 + 50 * np.sin(x / 30), 50 + 0 * x], -1)[hills]
    sun = (x - width * 0.7) ** 2 + (y - height * 0.25) ** 2 < (height * 0.12) ** 2
    sky[sun] = (250, 220, 120)
    return np.clip(sky + np.random.default_rng(3).normal(0, 4, sky.shape), 0, 255).astype(np.uint8)


class Images:
    """A million rows made on demand."""

    columns = (Column("path"), Column("size", 11, "right"), Column("class", 12), Column("health", 14))

    def count(self) -> int:
        return 1_000_000

    def rows(self, offset: int, limit: int) -> list[tuple[str, ...]]:
        odd = ("[red]x[/].png", "漢字の写真/" + "長い" * 30 + ".jpg", "caf\\xe9.jpg")
        return [
            (odd[n] if n < 3 else f"cats/image_{n:07}.jpg", f"{n % 9 + 3}00 × 240", "cats", "ok" if n % 7 else "truncated")
            for n in range(offset, min(offset + limit, self.count()))
        ]


class Gallery(App[None]):
    """One widget a page."""

    CSS = "Horizontal > * { width: 1fr; margin: 0 1; }"

    def __init__(self, page: str, path: Path | None = None) -> None:
        super().__init__()
        self.page = page
        self.path = path

    def compose(self) -> ComposeResult:
        yield from getattr(self, f"page_{self.page}")()
        yield Footer()

    def page_picture(self) -> ComposeResult:
        with Horizontal():
            yield Picture(id="one")
            yield Picture(id="two", empty="No reconstruction yet\ntrain a model first")

    def page_plot(self) -> ComposeResult:
        yield LossPlot(id="plot")
        yield LossPlot(id="none", empty="No run chosen")

    def fill_plot(self) -> None:
        noise = np.random.default_rng(5).normal(0, 0.004, (60, 2))
        curve = 0.1 + 0.25 * np.exp(-np.arange(60) / 12)
        self.query_one("#plot", LossPlot).set_history(
            [
                {"epoch": n + 1, "loss": curve[n] + noise[n, 0], "val_loss": curve[n] * 1.08 + noise[n, 1]}
                | {"cosine_similarity": 1 - curve[n] / 2, "learning_rate": 1e-3 * 0.95**n}
                for n in range(60)
            ]
        )

    def page_rows(self) -> ComposeResult:
        rows = RowList(Images())
        rows.sort_mark(0)
        yield rows

    def page_form(self) -> ComposeResult:
        yield SettingsForm()

    def page_jobs(self) -> ComposeResult:
        yield LogPane()
        yield JobBar()

    def fill_jobs(self) -> None:
        self.query_one(JobBar).update_jobs(
            [
                JobView("1", "train", "[red]FextAE Redux_20261123T214500", "epoch 3/100", 0.437, 350, 800, "images", 92.13, 4985),
                JobView("2", "analyze", "", "scan", None, 12840, None, "images", 4210.5),
                JobView("3", "encode", "latest", "encode", 0.98, 490, 500, "images", 0.4, 25, "stopping"),
            ]
        )
        log = self.query_one(LogPane)
        for n in range(60):
            log.add("info", f"epoch {n} of 100: loss {0.3 / (n + 1):.4f}, validation {0.33 / (n + 1):.4f}", 1_795_000_000 + 40 * n)
        log.add("warning", "[/]cats/[red]x.png is truncated and was left out; " + "a long story " * 12)
        log.add("error", "out of memory on CUDA; use a smaller training.batch_size\n  second line \x1b[31m")
        log.add("debug", "not shown at first")

    def page_histogram(self) -> ComposeResult:
        with Horizontal():
            yield Histogram(id="one")
            yield Histogram(id="three")
        yield PathInput("/usr/sha")

    def fill_histogram(self) -> None:
        values = np.random.default_rng(1).gamma(4, 12, 20_000)
        self.query_one("#one", Histogram).show(*np.histogram(values, 64), title="sharpness (Laplacian)")
        pixels = scene()
        channels = {c: np.histogram(pixels[..., n], 256, (0, 255))[0] for n, c in enumerate(("red", "green", "blue"))}
        self.query_one("#three", Histogram).show_channels(channels, np.linspace(0, 255, 257), title="pixel values")

    def on_mount(self) -> None:
        fill = getattr(self, f"fill_{self.page}", None)
        if fill is not None:
            self.call_after_refresh(fill)

    def fill_picture(self) -> None:
        pixels = scene()
        if self.path is not None:
            from PIL import Image

            pixels = np.asarray(Image.open(self.path).convert("RGB"))
        self.query_one("#one", Picture).show(pixels, "[red]landscape[/].jpg  320 × 240")


if __name__ == "__main__":
    Gallery(sys.argv[1] if len(sys.argv) > 1 else "picture", Path(sys.argv[2]) if len(sys.argv) > 2 else None).run()
