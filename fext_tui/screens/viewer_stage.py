"""Going through the epochs of a sample: step by step, to the ends, or as a slideshow."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from fext_tui.reconstructions import Sample
from fext_tui.screens.viewer_picture import PictureStage
from fext_tui.widgets.picture_file import PictureFile

PLAY_SECONDS = 0.4  # that each epoch of a slideshow stays, beside the time to read and draw it


class ViewerStage(PictureStage):
    """A stage of pictures that shows a run's `sample` as it was after the epoch that `epochs` is at."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "Play", id="viewer.play", tooltip="Play the sample's epochs; again: stop"),
        Binding("full_stop", "epoch(1)", "Next epoch", id="viewer.next-epoch", key_display=".", show=False,
                tooltip="The same sample one epoch later"),
        Binding("comma", "epoch(-1)", "Epoch before", id="viewer.previous-epoch", key_display=",", show=False,
                tooltip="The same sample one epoch earlier"),
        Binding("less_than_sign", "epoch_jump(0)", "First epoch", id="viewer.first-epoch", key_display="<", show=False),
        Binding("greater_than_sign", "epoch_jump(-1)", "Last epoch", id="viewer.last-epoch", key_display=">",
                show=False),
    ]  # fmt: skip

    def action_epoch(self, step: int) -> None:
        """Show the same sample an epoch later or earlier."""
        if self.sample is not None:
            self._go_to_epoch(self.sample, self.epochs.at(self.sample) + step)

    def action_epoch_jump(self, place: int) -> None:
        """Show the same sample after the first epoch, or (-1) the last."""
        if self.sample is not None:
            self._go_to_epoch(self.sample, place if place >= 0 else len(self.sample.pictures) - 1)

    def _go_to_epoch(self, sample: Sample, place: int) -> None:
        self.epochs.playing = False
        self.epochs.go(sample, place)
        self.show_picture(keep_view=True)

    def action_play(self) -> None:
        """Play the sample's epochs from here on, from the first when the last is shown; or stop."""
        if self.sample is not None:
            self.epochs.play(self.sample)
            self.show_picture(keep_view=True)

    @on(PictureFile.Shown)
    def _play_on(self) -> None:
        """Go on with the slideshow, if there is one, when its picture was seen for a moment."""
        if self.epochs.playing:
            self.set_timer(PLAY_SECONDS, self._play_next)

    def _play_next(self) -> None:
        if self.epochs.playing and self.sample is not None:
            self.epochs.advance(self.sample)
            self.show_picture(keep_view=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for epochs where there are some."""
        if action in ("epoch", "epoch_jump", "play"):
            return self.sample is not None and not self.has_class("-sheet")
        return super().check_action(action, parameters)
