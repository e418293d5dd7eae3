"""Real pixels in the Viewer: wanted or not, and given way while a slideshow plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fext_tui.pixels import pixels_asked, why_no_pixels
from fext_tui.widgets.picture_file import PictureFile

if TYPE_CHECKING:
    from fext_tui.figure import Figure
    from fext_tui.screens.viewer_picture import PictureStage


class RealPixels:
    """Puts real pixels over the half blocks of a stage's still figures, where the process has them."""

    def __init__(self, stage: PictureStage) -> None:
        self._stage = stage
        self._figure: Figure | None = None
        self._wanted = not why_no_pixels()

    def tell_missing(self) -> None:
        """Say what is missing, when real pixels were asked for at the start."""
        if pixels_asked() and (problem := why_no_pixels()):
            self._stage.notify(problem, title="No real pixels", severity="warning", timeout=10, markup=False)

    async def toggle(self) -> None:
        """Change between half blocks and real pixels."""
        if problem := why_no_pixels():
            self._stage.notify(problem, title="No real pixels", severity="warning", markup=False)
            return
        self._wanted = not self._wanted
        await self.show(self._figure)

    async def show(self, figure: Figure | None) -> None:
        """Show a figure as it is wanted."""
        self._figure = figure
        real = self._wanted and figure is not None and bool(figure.panels) and not self._stage.epochs.playing
        await self._stage.query_one(PictureFile).show_pixels(figure if real else None)
