"""Which epoch of a sample is shown, and the slideshow through all of them."""

from __future__ import annotations

from dataclasses import dataclass

from fext_tui.reconstructions import Sample


@dataclass
class EpochCursor:
    """A place in the pictures of whatever sample is shown; samples of one run share it."""

    playing: bool = False
    _place: int | None = None
    """None is the newest, whichever that is: it follows a training."""

    def at(self, sample: Sample) -> int:
        """The place in the sample's pictures."""
        last = len(sample.pictures) - 1
        return last if self._place is None else min(self._place, last)

    def go(self, sample: Sample, place: int) -> None:
        """Go to a place; before the first and behind the last there is none."""
        self._place = None if place >= len(sample.pictures) - 1 else max(0, place)

    def reset(self) -> None:
        """Go to the newest and stop playing."""
        self._place, self.playing = None, False

    def play(self, sample: Sample) -> None:
        """Begin to play, from the first where the last is shown; where it plays, stop."""
        at, last = self.at(sample), len(sample.pictures) - 1
        self.playing = not self.playing and last > 0
        if self.playing:
            self.go(sample, 0 if at == last else at + 1)
            self.playing = self.at(sample) < last

    def advance(self, sample: Sample) -> None:
        """The next picture of the slideshow, which ends at the last."""
        self.go(sample, self.at(sample) + 1)
        self.playing = self.at(sample) < len(sample.pictures) - 1
